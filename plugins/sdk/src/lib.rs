//! Everything a policy author needs.
//!
//! A policy is a [`Plugin`]: typed [`Settings`], and a pure decision over a [`Host`] that answers
//! its questions. [`export_plugin!`] makes a component of it; [`testing::Table`] tests it
//! natively, without a component and without a gateway: see [`Plugin`] for a whole one.
//!
//! Read next: `plugins/README.md`, then `host.rs`, then `plugins/allowed-hosts`.

#[cfg(target_family = "wasm")]
mod allocator;
pub mod authority;
pub mod bindings;
mod host;
#[cfg(target_family = "wasm")]
mod imports;
mod plugin;
pub mod problems;
pub mod settings;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod verdict;

pub use bindings::policy::tollgate::policy::{
    credentials::{Access, Credential, Identity, Presentation, Resolution},
    idempotency::{Claimed, KeyState},
    log::Level,
    principal::EnvironmentKind as Environment,
    quota::{Bucket, Partition, Rate, Rule, Taken},
    reply_headers::Source,
    request::{CertificateIdentity, OriginKind, Presence, ServerName},
    route::RouteMatch,
    upstreams::UpstreamState,
    verdicts::{Content, Held, Member, Problem, Reply, ResponseVerdict, SettingProblem, Verdict},
};
pub use host::{Host, ResponseHost};
pub use plugin::{Plugin, ResponsePlugin};
pub use problems::ProblemType;
pub use settings::{Section, Settings};

#[doc(hidden)]
#[cfg(target_family = "wasm")]
pub mod glue {
    //! Items that the expansion of `export_plugin!` calls.
    pub use crate::imports::Imports;
    pub use crate::plugin::{Configured, configure, configured};
}
