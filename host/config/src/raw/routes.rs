//! Shapes of routes and upstreams.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_spanned::Spanned;

/// `[routes.<name>]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRoute {
    /// `METHOD /template`, one or several; without it, the method's `google.api.http`.
    #[serde(default, rename = "match")]
    pub(crate) matches: OneOrMany,
    /// `package.Service/Method`
    pub(crate) grpc: Option<Spanned<String>>,
    /// The body's place in the message, with both `grpc` and `match`.
    pub(crate) body: Option<Spanned<String>>,
    pub(crate) chain: Spanned<String>,
    pub(crate) upstream: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) body_bytes_max: Option<Spanned<u64>>,
    pub(crate) timeout_ms: Option<Spanned<u64>>,
}

/// A string, or several.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "OneOrManyRaw")]
pub(crate) struct OneOrMany(pub(crate) Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrManyRaw {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrManyRaw> for OneOrMany {
    fn from(raw: OneOrManyRaw) -> Self {
        match raw {
            OneOrManyRaw::One(one) => Self(vec![one]),
            OneOrManyRaw::Many(many) => Self(many),
        }
    }
}

/// `[upstreams.<name>]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawUpstream {
    /// `grpc` or `http`.
    pub(crate) protocol: Spanned<String>,
    pub(crate) endpoints: Vec<Spanned<String>>,
    /// `sandbox` or `live`: only principals of it may reach this upstream.
    pub(crate) environment: Option<Spanned<String>>,
    /// The service that signed principals are for; without it none is sent.
    pub(crate) audience: Option<String>,
    #[serde(default)]
    pub(crate) tls: RawUpstreamTls,
    pub(crate) connect_timeout_ms: Option<Spanned<u64>>,
    pub(crate) idle_timeout_ms: Option<Spanned<u64>>,
    pub(crate) connections_max: Option<Spanned<u64>>,
}

/// `tls = { … }` of an upstream.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawUpstreamTls {
    pub(crate) ca_bundle: Option<PathBuf>,
    pub(crate) native_roots: Option<bool>,
    pub(crate) server_name: Option<String>,
    #[serde(default)]
    pub(crate) spki_sha256: Vec<Spanned<String>>,
}
