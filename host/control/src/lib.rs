//! The life of a configuration: compile it, open its stores, follow its changes, roll out
//! candidates.
//!
//! A [`SnapshotBuilder`] turns a policies folder into Snapshots, a [`Follower`] makes a new one whenever
//! the folder changes, and [`Rollouts`] knows the candidates that serve. What a Snapshot does with
//! requests is `proxy`'s.
//!
//! Read next: `compile.rs`, then `reload.rs`; `listeners.rs` binds what carries the requests.

mod certificates;
mod compile;
mod descriptors;
mod listeners;
mod reload;
mod rollouts;
mod schema;
mod stores;

pub use certificates::{CertificateUse, CertificateWatch, ExpiryNotice};
pub use compile::{BuildMode, Error, SnapshotBuilder, inputs};
pub use descriptors::{ADMIN_CONNECTIONS_MAX, DescriptorLimit};
pub use listeners::{BindError, BoundListeners, ListenerHandle, ListenerParts, Purpose};
pub use reload::{ConfigObserver, FollowError, Follower, InputStamp, OnSwap};
pub use rollouts::{ActiveRollout, DifferenceForm, FiguresForm, RolloutForm, Rollouts, ShadowForm};
pub use schema::{FolderSchemas, FolderSchemasError};
pub use stores::{AssumedCaller, OpenStores};

/// The log target of everything that an operator did through the admin API.
pub const AUDIT: &str = "tollgate::audit";
