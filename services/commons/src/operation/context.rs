//! The caller and the request of a command, which every row it writes carries.

use data_encoding::HEXLOWER;
use tollgate_terms::{Environment, metadata};
use tonic::metadata::MetadataMap;

use super::Operation;
use crate::principal::Principal;

/// Longest request id that is kept, in bytes.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// The caller and the request that a command runs for.
#[derive(Debug, Clone)]
pub struct CommandContext {
    tenant_id: String,
    environment: Option<Environment>,
    request_id: String,
    pub(super) operation: Option<Operation>,
}

impl CommandContext {
    /// Describes a tenant's call.
    #[must_use]
    pub fn for_call(
        principal: &Principal,
        metadata: &MetadataMap,
        operation: Option<Operation>,
    ) -> Self {
        Self {
            tenant_id: principal.tenant_id().into(),
            environment: Some(principal.environment()),
            request_id: request_id(metadata),
            operation,
        }
    }

    /// Describes an operator's command, which no gateway vouches for. For command lines only.
    #[must_use]
    pub fn for_operator(tenant_id: &str, environment: Option<Environment>) -> Self {
        Self {
            tenant_id: tenant_id.into(),
            environment,
            request_id: String::new(),
            operation: None,
        }
    }

    /// The tenant.
    #[must_use]
    pub fn tenant_id(&self) -> &str {
        &self.tenant_id
    }

    /// The environment; none for facts that concern a tenant in both.
    #[must_use]
    pub fn environment(&self) -> Option<Environment> {
        self.environment
    }

    /// The gateway's request id; empty if there was none.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The operation key in lower-case hex.
    #[must_use]
    pub fn operation_key(&self) -> Option<String> {
        self.operation.map(|operation| HEXLOWER.encode(&operation.key))
    }

    /// The word for the environment in tables: `sandbox`, `live` or `both`.
    pub(crate) fn environment_word(&self) -> &'static str {
        self.environment.map_or("both", Environment::as_str)
    }
}

/// Reads the gateway's request id from a call's metadata; empty if it is absent or too long.
#[must_use]
pub fn request_id(metadata: &MetadataMap) -> String {
    metadata
        .get(metadata::REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|text| text.len() <= REQUEST_ID_BYTES_MAX)
        .unwrap_or_default()
        .to_owned()
}
