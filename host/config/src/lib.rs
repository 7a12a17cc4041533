//! Configuration of the gateway: text → items → checked [`Config`].
//!
//! A policies folder holds TOML files; every top-level table is either one item (`[admin]`) or a
//! family of named items (`[routes.<name>]`). A folder may extend others; an item of the same name
//! replaces the whole item. [`load`] gives a `Config` in which every text is parsed and every
//! reference resolved, or all problems, each with file, line, key and what was expected.
//!
//! Read next: `keys.rs` (the table of keys), `items.rs` (files), `check.rs` (meaning).

mod check;
mod conform;
mod error;
mod grants;
mod items;
mod keys;
mod location;
mod reader;
mod reference;
mod schema;
mod types;
mod value;

use std::path::{Path, PathBuf};

pub use error::{ConfigProblem, Problems, with_causes};
pub use location::{Located, Location};
pub use reference::reference;
pub use schema::schema;
pub use types::{
    AccessLogConfig, AttributeDeclaration, BodyMapping, ChainConfig, ClientAuth,
    ClientIdentityFiles, ClientTlsFiles, Config, CredentialStoreConfig, DeploymentStage,
    DescriptorsConfig, DrainConfig, EngineConfig, ForwardedFields, HostField,
    IdempotencyStoreConfig, LimitsConfig, ListenerConfig, PluginConfig, PolicyConfig,
    QuotaStoreConfig, ReceiptsConfig, RolloutConfig, RouteConfig, RouteMatchConfig, RpcProtocols,
    SigningConfig, StoresConfig, TlsFiles, UpstreamConfig, UpstreamFields, UpstreamProtocol,
    UpstreamTlsConfig, WebSocketConfig,
};

/// The files of a folder that [`load`] reads; none when the folder cannot be read.
#[must_use]
pub fn files(folder: &Path) -> Vec<PathBuf> {
    location::files(folder).unwrap_or_default()
}

/// Reads and checks the policies folder `directory`.
///
/// # Errors
/// Every problem, ordered by file and line; nothing is half-loaded.
pub fn load(directory: &Path) -> Result<Config, Problems> {
    let sink = items::ProblemSink::default();
    let items = items::Items::read(directory, &sink);
    let config = check::check(items, &sink);
    match config {
        Some(config) if sink.is_empty() => Ok(config),
        _ => Err(sink.into_problems()),
    }
}
