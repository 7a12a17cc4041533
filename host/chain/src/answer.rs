//! The answers that the host may give. A dependency's failure is an answer too, never an exception.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::question::Text;
use crate::{CertificateIdentity, CredentialHandle, Environment, HeldHandle, Identity};

/// The host's reply to a question.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// A command was collected.
    Done,
    /// Yes or no.
    Bool(bool),
    /// Text, or nothing.
    Text(Option<Text>),
    /// The number of times that a field occurs.
    Presence(Presence),
    /// An index into the list that was asked about.
    Index(Option<u32>),
    /// About the TLS server name.
    ServerName(ServerName),
    /// About the `Origin` field.
    Origin(OriginKind),
    /// The certificate that the peer of the connection showed.
    ClientCertificate(Option<Arc<CertificateIdentity>>),
    /// About the Route.
    Matched(RouteMatch),
    /// About the credential that came with the request.
    Presented(Presented),
    /// The result of a look-up.
    Resolution(Resolution),
    /// The principal's environment.
    Environment(Option<Environment>),
    /// About an upstream.
    Upstream(UpstreamState),
    /// About the idempotency key.
    IdempotencyKey(IdempotencyKey),
    /// The result of a claim.
    Claimed(Claimed),
    /// The result of a charge.
    Taken(Taken),
    /// An HTTP status.
    Status(u16),
    /// A moment, in nanoseconds since the clock's own beginning.
    Nanoseconds(u64),
    /// Random bytes.
    Random(Box<[u8]>),
}

/// The number of times that a header field occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the variants say it")]
pub enum Presence {
    Absent,
    Once,
    Repeated,
}

/// Membership of the TLS server name among the hosts of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the variants say it")]
pub enum ServerName {
    Absent,
    Served,
    Other,
}

/// Kind of the origin that the request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "documented at `request.origin` in the contract")]
pub enum OriginKind {
    Absent,
    Same,
    Opaque,
    Foreign,
    Malformed,
}

/// Result of matching the request against the route table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "documented at `route.matched` in the contract")]
pub enum RouteMatch {
    Found,
    OtherMethod,
    None,
}

/// Credentials that the request presents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "documented at `credentials.presented` in the contract")]
pub enum Presented {
    None,
    One(CredentialHandle),
    Several,
    InQuery,
}

/// The result of a credential's look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "documented at `credentials.resolve` in the contract")]
pub enum Resolution {
    Resolved(Identity),
    Invalid,
    Throttled,
    Unavailable,
}

/// State of an upstream, as health checks and traffic show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "documented at `upstreams.state` in the contract")]
pub enum UpstreamState {
    Ready,
    Unavailable,
    Unknown,
}

/// Form of the request's idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "documented at `idempotency.key` in the contract")]
pub enum IdempotencyKey {
    Absent,
    Valid,
    Malformed,
}

/// The result of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "documented at `idempotency.claim` in the contract")]
pub enum Claimed {
    Claimed,
    Completed(HeldHandle),
    InProgress,
    Reused,
    Unavailable,
    BodyRefused(HeldHandle),
}

/// The result of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "documented at `quota.take-all` in the contract")]
pub enum Taken {
    Allowed,
    Denied(u32),
}

/// The host answered a question with an answer of another kind: a defect of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an answer of kind {expected}, got {found:?}")]
pub struct Mismatch {
    /// The kind of answer that the question has.
    pub expected: &'static str,
    /// The answer that came.
    pub found: Answer,
}

macro_rules! answers {
    ($($method:ident: $variant:ident => $kind:ty),+ $(,)?) => {
        impl Answer {
            $(
                /// The answer, when it is of this kind.
                ///
                /// # Errors
                /// [`Mismatch`] when it is of another.
                pub fn $method(self) -> Result<$kind, Mismatch> {
                    match self {
                        Self::$variant(value) => Ok(value),
                        found => Err(Mismatch { expected: stringify!($variant), found }),
                    }
                }
            )+
        }
    };
}

answers! {
    into_bool: Bool => bool,
    into_text: Text => Option<Text>,
    into_presence: Presence => Presence,
    into_index: Index => Option<u32>,
    into_server_name: ServerName => ServerName,
    into_origin: Origin => OriginKind,
    into_client_certificate: ClientCertificate => Option<Arc<CertificateIdentity>>,
    into_matched: Matched => RouteMatch,
    into_presented: Presented => Presented,
    into_resolution: Resolution => Resolution,
    into_environment: Environment => Option<Environment>,
    into_upstream: Upstream => UpstreamState,
    into_idempotency_key: IdempotencyKey => IdempotencyKey,
    into_claimed: Claimed => Claimed,
    into_taken: Taken => Taken,
    into_status: Status => u16,
    into_nanoseconds: Nanoseconds => u64,
    into_random: Random => Box<[u8]>,
}
