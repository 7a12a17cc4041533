//! Shapes of what the gateway itself is made of.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;
use serde_spanned::Spanned;

/// `[listeners.<name>]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawListener {
    pub(crate) address: SocketAddr,
    /// The chain of requests that match no Route.
    pub(crate) chain: Spanned<String>,
    pub(crate) tls: Option<RawTls>,
    #[serde(default)]
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) connections_max: Option<Spanned<u64>>,
    pub(crate) connections_per_address_max: Option<Spanned<u64>>,
}

/// `tls = { certificate, key }`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTls {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// `[admin]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAdmin {
    pub(crate) address: SocketAddr,
    /// Where the token stands; without it one is made at the start.
    pub(crate) token_file: Option<PathBuf>,
}

/// `[errors]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawErrors {
    pub(crate) type_base: Spanned<String>,
}

/// `[access_log]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAccessLog {
    /// `stdout`, `off`, or the path of a file.
    pub(crate) to: String,
}

/// `[drain]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawDrain {
    pub(crate) delay_ms: Option<Spanned<u64>>,
    pub(crate) wait_ms: Option<Spanned<u64>>,
}

/// `[engine]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawEngine {
    pub(crate) instances_max: Option<Spanned<u64>>,
    pub(crate) workers: Option<Spanned<u64>>,
    pub(crate) compiled_cache: Option<PathBuf>,
}

/// `[trees]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTrees {
    pub(crate) on: Option<bool>,
    pub(crate) verify_every: Option<Spanned<u64>>,
    pub(crate) nodes_max: Option<Spanned<u64>>,
    pub(crate) bytes_max: Option<Spanned<u64>>,
    pub(crate) fan_out_max: Option<Spanned<u64>>,
}

/// `[receipts]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawReceipts {
    pub(crate) on: Option<bool>,
    pub(crate) sample_every: Option<Spanned<u64>>,
    pub(crate) entries_max: Option<Spanned<u64>>,
    pub(crate) bytes_max: Option<Spanned<u64>>,
}

/// `[hidden_headers]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawHidden {
    pub(crate) names: Vec<Spanned<String>>,
}

/// `[descriptors]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawDescriptors {
    pub(crate) set: Option<PathBuf>,
    #[serde(default)]
    pub(crate) files: Vec<PathBuf>,
    #[serde(default)]
    pub(crate) includes: Vec<PathBuf>,
}

/// `[principal]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPrincipal {
    pub(crate) issuer: String,
    pub(crate) key_id: String,
    pub(crate) key_file: PathBuf,
}

/// `[stores.quota]`, `[stores.idempotency]`, `[stores.credentials]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawStore {
    pub(crate) kind: Spanned<String>,
    pub(crate) entries_max: Option<Spanned<u64>>,
    pub(crate) path: Option<PathBuf>,
    pub(crate) endpoint: Option<Spanned<String>>,
    pub(crate) ca_bundle: Option<PathBuf>,
    pub(crate) ttl_hours: Option<Spanned<u64>>,
}
