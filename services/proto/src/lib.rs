//! The specifications of the services, compiled to Rust.
//!
//! The modules mirror the packages; [`FILE_DESCRIPTOR_SET`] is what the gateway transcodes by.
//! No logic lives here: rules about these messages belong to the service that owns them.

mod redacted;

/// All specifications, imports and `google.api.http` annotations included, as an encoded
/// `google.protobuf.FileDescriptorSet`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Packages of this platform.
pub mod tollgate {
    /// Who a call is from.
    pub mod principal {
        /// Version 1.
        #[allow(
            missing_docs,
            unreachable_pub,
            unused_qualifications,
            clippy::all,
            reason = "generated code"
        )]
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/tollgate.principal.v1.rs"));
        }
    }
    /// What every event is wrapped in.
    pub mod events {
        /// Version 1.
        #[allow(
            missing_docs,
            unreachable_pub,
            unused_qualifications,
            clippy::all,
            reason = "generated code"
        )]
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/tollgate.events.v1.rs"));
        }
    }
    /// Tenants and API keys.
    pub mod identity {
        /// Version 1.
        #[allow(
            missing_docs,
            missing_debug_implementations,
            unreachable_pub,
            unused_qualifications,
            clippy::all,
            reason = "generated code"
        )]
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/tollgate.identity.v1.rs"));
        }
    }
    /// Deposit accounts and deposits.
    pub mod deposits {
        /// Version 1.
        #[allow(
            missing_docs,
            missing_debug_implementations,
            unreachable_pub,
            unused_qualifications,
            clippy::all,
            reason = "generated code"
        )]
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/tollgate.deposits.v1.rs"));
        }
    }
}

/// Packages of the public Google APIs, as far as they are used here.
pub mod google {
    /// HTTP annotations.
    #[allow(
        missing_docs,
        unreachable_pub,
        unused_qualifications,
        clippy::all,
        reason = "generated code"
    )]
    pub mod api {
        include!(concat!(env!("OUT_DIR"), "/google.api.rs"));
    }
    /// Error details.
    #[allow(
        missing_docs,
        unreachable_pub,
        unused_qualifications,
        clippy::all,
        reason = "generated code"
    )]
    pub mod rpc {
        include!(concat!(env!("OUT_DIR"), "/google.rpc.rs"));
    }
}

pub use tollgate::deposits::v1 as deposits;
pub use tollgate::events::v1 as events;
pub use tollgate::identity::v1 as identity;
pub use tollgate::principal::v1 as principal;
