//! Checked configuration.
//!
//! Values of these types come from [`load`](crate::load) alone, so a holder may rely on the checks;
//! indices between items are in range. Every text has been parsed: nothing downstream reads a
//! string of the configuration again. What may still fail later (a file, an address) is
//! [`Located`], so that the failure is reported with file, line and key.

mod gateway;
mod policies;
mod routes;
mod stores;

use std::net::SocketAddr;
use std::path::PathBuf;

use http::HeaderName;
use tollgate_chain::Growth;

use crate::Located;

pub use gateway::{
    AccessLogConfig, ClientAuth, ClientTlsFiles, DeploymentStage, DescriptorsConfig, DrainConfig,
    EngineConfig, ListenerConfig, ReceiptsConfig, SigningConfig, TlsFiles,
};
pub use policies::{
    AttributeDeclaration, ChainConfig, LimitsConfig, PluginConfig, PolicyConfig, RolloutConfig,
};
pub use routes::{
    BodyMapping, ClientIdentityFiles, ForwardedFields, HostField, RouteConfig, RouteMatchConfig,
    RpcProtocols, UpstreamConfig, UpstreamFields, UpstreamProtocol, UpstreamTlsConfig,
    WebSocketConfig,
};
pub use stores::{CredentialStoreConfig, IdempotencyStoreConfig, QuotaStoreConfig, StoresConfig};

/// A whole, checked configuration.
#[derive(Debug)]
pub struct Config {
    pub(crate) listeners: Vec<ListenerConfig>,
    pub(crate) admin: Option<Located<SocketAddr>>,
    pub(crate) admin_token: Option<Located<PathBuf>>,
    pub(crate) admin_hosts: Vec<String>,
    pub(crate) stage: Located<DeploymentStage>,
    pub(crate) problem_type_base: String,
    pub(crate) access_log: AccessLogConfig,
    pub(crate) drain: DrainConfig,
    pub(crate) engine: EngineConfig,
    pub(crate) trees: Growth,
    pub(crate) receipts: ReceiptsConfig,
    pub(crate) hidden_headers: Vec<HeaderName>,
    pub(crate) descriptors: Option<DescriptorsConfig>,
    pub(crate) signing: Option<SigningConfig>,
    pub(crate) stores: StoresConfig,
    pub(crate) plugins: Vec<PluginConfig>,
    pub(crate) policies: Vec<PolicyConfig>,
    pub(crate) chains: Vec<ChainConfig>,
    pub(crate) rollouts: Vec<RolloutConfig>,
    pub(crate) routes: Vec<RouteConfig>,
    pub(crate) upstreams: Vec<UpstreamConfig>,
    pub(crate) folders: Vec<PathBuf>,
}

impl Config {
    /// Sockets for callers; at least one.
    #[must_use]
    pub fn listeners(&self) -> &[ListenerConfig] {
        &self.listeners
    }

    /// The address of health, metrics and the admin API.
    #[must_use]
    pub fn admin(&self) -> Option<&Located<SocketAddr>> {
        self.admin.as_ref()
    }

    /// The file that holds the token of the admin API; without it the gateway makes one.
    #[must_use]
    pub fn admin_token(&self) -> Option<&Located<PathBuf>> {
        self.admin_token.as_ref()
    }

    /// The host names by which operators reach the admin port, beside those that it always has.
    #[must_use]
    pub fn admin_hosts(&self) -> &[String] {
        &self.admin_hosts
    }

    /// The deployment that the folder is for.
    #[must_use]
    pub fn stage(&self) -> &Located<DeploymentStage> {
        &self.stage
    }

    /// The URI that a problem's slug is appended to.
    #[must_use]
    pub fn problem_type_base(&self) -> &str {
        &self.problem_type_base
    }

    /// The destination of access records.
    #[must_use]
    pub fn access_log(&self) -> &AccessLogConfig {
        &self.access_log
    }

    /// Times of the process's end.
    #[must_use]
    pub fn drain(&self) -> DrainConfig {
        self.drain
    }

    /// Sizes of the engine.
    #[must_use]
    pub fn engine(&self) -> &EngineConfig {
        &self.engine
    }

    /// Growth and verification of decision trees.
    #[must_use]
    pub fn trees(&self) -> &Growth {
        &self.trees
    }

    /// Sampling and bounds of receipts.
    #[must_use]
    pub fn receipts(&self) -> ReceiptsConfig {
        self.receipts
    }

    /// Headers whose values no policy reads, beside those that are always hidden.
    #[must_use]
    pub fn hidden_headers(&self) -> &[HeaderName] {
        &self.hidden_headers
    }

    /// The source of protobuf descriptors.
    #[must_use]
    pub fn descriptors(&self) -> Option<&DescriptorsConfig> {
        self.descriptors.as_ref()
    }

    /// The key that signs principals; without it no upstream gets one.
    #[must_use]
    pub fn signing(&self) -> Option<&SigningConfig> {
        self.signing.as_ref()
    }

    /// Back ends of the capabilities.
    #[must_use]
    pub fn stores(&self) -> &StoresConfig {
        &self.stores
    }

    /// Components.
    #[must_use]
    pub fn plugins(&self) -> &[PluginConfig] {
        &self.plugins
    }

    /// Plugins put to work.
    #[must_use]
    pub fn policies(&self) -> &[PolicyConfig] {
        &self.policies
    }

    /// Chains of policies.
    #[must_use]
    pub fn chains(&self) -> &[ChainConfig] {
        &self.chains
    }

    /// Policies that may take the place of others.
    #[must_use]
    pub fn rollouts(&self) -> &[RolloutConfig] {
        &self.rollouts
    }

    /// Routes.
    #[must_use]
    pub fn routes(&self) -> &[RouteConfig] {
        &self.routes
    }

    /// Upstreams.
    #[must_use]
    pub fn upstreams(&self) -> &[UpstreamConfig] {
        &self.upstreams
    }

    /// Folders that were read, the nearest last, for the watch.
    #[must_use]
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }
}
