//! Back ends of stores.

use std::path::PathBuf;
use std::time::Duration;

use http::Uri;

use crate::Located;

/// Back ends of the capabilities: `[stores.*]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoresConfig {
    /// Quotas.
    pub quota: QuotaStoreConfig,
    /// Idempotency records.
    pub idempotency: IdempotencyStoreConfig,
    /// Credentials.
    pub credentials: CredentialStoreConfig,
}

/// The store of quotas: `[stores.quota]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields say it")]
pub enum QuotaStoreConfig {
    Memory { entries_max: usize },
}

/// The store of idempotency records: `[stores.idempotency]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields say it")]
pub enum IdempotencyStoreConfig {
    Memory { entries_max: usize, tenant_entries_max: usize, ttl: Duration },
    File { path: Located<PathBuf>, entries_max: usize, tenant_entries_max: usize, ttl: Duration },
}

/// The store of credentials: `[stores.credentials]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields say it")]
pub enum CredentialStoreConfig {
    /// Every credential is unknown.
    None,
    File {
        path: Located<PathBuf>,
    },
    Identity {
        endpoint: Located<Uri>,
        ca_bundle: Option<Located<PathBuf>>,
        entries_max: usize,
    },
}
