//! The rows of the tables, as `store` reads them and `events` and `grpc` show them.

use time::OffsetDateTime;
use tollgate_commons::{Access, Environment};
use tollgate_proto::principal as wire;

/// A stored API key, which always belongs to one tenant in one environment.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Its identifier.
    pub key_id: String,
    /// The tenant that it belongs to.
    pub tenant_id: String,
    /// The word for its environment.
    pub(super) environment: String,
    /// Its scopes, of the form `resource:action`.
    pub scopes: Vec<String>,
    /// The key's last characters.
    pub last_four: String,
    /// A text for the tenant's own use.
    pub label: String,
    /// The version of its event stream.
    pub version: i64,
    /// The creation time, by the database's clock.
    pub created_at: OffsetDateTime,
    /// The expiry; none if it does not expire.
    pub expires_at: Option<OffsetDateTime>,
    /// The time of revocation; none if it is not revoked.
    pub revoked_at: Option<OffsetDateTime>,
}

/// A credential that may be used now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsableCredential {
    /// The tenant that it belongs to.
    pub tenant_id: String,
    /// Its environment.
    pub environment: Environment,
    /// The key's identifier.
    pub key_id: String,
    /// The key's scopes.
    pub scopes: Vec<String>,
    /// The access that the tenant's state leaves.
    pub access: Access,
    /// The expiry; none if it does not expire.
    pub expires_at: Option<OffsetDateTime>,
}

impl ApiKey {
    /// Returns its environment; none if the stored word names none, which the table excludes.
    #[must_use]
    pub fn environment(&self) -> Option<Environment> {
        Environment::from_word(&self.environment)
    }

    /// Returns its environment as the number of the protobuf enum.
    #[must_use]
    pub fn environment_number(&self) -> i32 {
        self.environment().map_or(wire::Environment::Unspecified, Into::into).into()
    }
}
