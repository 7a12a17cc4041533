//! The specifications of the services, compiled to Rust.
//!
//! The modules mirror the packages; [`FILE_DESCRIPTOR_SET`] is what the gateway transcodes by.
//! No logic lives here, only conversions between messages and `tollgate-terms`: rules about these
//! messages belong to the service that owns them.

mod redacted;
mod terms;

/// All specifications, imports and `google.api.http` annotations included, as an encoded
/// `google.protobuf.FileDescriptorSet`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

macro_rules! generated {
    ($package:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $package, ".rs"));
    };
}

/// Packages of this platform.
#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::too_many_lines,
    clippy::use_self,
    reason = "generated code"
)]
pub mod tollgate {
    pub mod principal {
        pub mod v1 {
            generated!("tollgate.principal.v1");
        }
    }
    pub mod events {
        pub mod v1 {
            generated!("tollgate.events.v1");
        }
    }
    pub mod identity {
        pub mod v1 {
            generated!("tollgate.identity.v1");
        }
    }
    pub mod deposits {
        pub mod v1 {
            generated!("tollgate.deposits.v1");
        }
    }
}

/// Packages of the public Google APIs, as far as they are used here.
#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::use_self,
    reason = "generated code"
)]
pub mod google {
    pub mod api {
        generated!("google.api");
    }
}

pub use tollgate::deposits::v1 as deposits;
pub use tollgate::events::v1 as events;
pub use tollgate::identity::v1 as identity;
pub use tollgate::principal::v1 as principal;
