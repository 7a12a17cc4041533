//! What the host may answer. A dependency's failure is an answer too, never an exception.

use serde::{Deserialize, Serialize};

use crate::question::Text;
use crate::{CredentialHandle, Environment, HeldHandle, Identity};

/// What the host replied to a question.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// A command was collected.
    Done,
    /// Yes or no.
    Bool(bool),
    /// Text, or nothing.
    Text(Option<Text>),
    /// How often a field occurs.
    Presence(Presence),
    /// An index into the list that was asked about.
    Index(Option<u32>),
    /// About the TLS server name.
    ServerName(ServerName),
    /// About the `Origin` field.
    Origin(OriginKind),
    /// About the Route.
    Matched(RouteMatch),
    /// About the credential that came with the request.
    Presented(Presented),
    /// What became of a look-up.
    Resolution(Resolution),
    /// The principal's environment.
    Environment(Option<Environment>),
    /// About an upstream.
    Upstream(UpstreamState),
    /// About the idempotency key.
    IdempotencyKey(IdempotencyKey),
    /// What became of a claim.
    Claimed(Claimed),
    /// What became of a charge.
    Taken(Taken),
    /// An HTTP status.
    Status(u16),
    /// A moment, in nanoseconds since the clock's own beginning.
    Nanoseconds(u64),
    /// Random bytes.
    Random(Box<[u8]>),
}

/// How often a header field occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the variants say it")]
pub enum Presence {
    Absent,
    Once,
    Repeated,
}

/// Whether the TLS server name is among the hosts that were asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the variants say it")]
pub enum ServerName {
    Absent,
    Served,
    Other,
}

/// What kind of origin the request names.
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

/// How the request fared against the route table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "documented at `route.matched` in the contract")]
pub enum RouteMatch {
    Found,
    OtherMethod,
    None,
}

/// What the request presents as a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "documented at `credentials.presented` in the contract")]
pub enum Presented {
    None,
    One(CredentialHandle),
    Several,
    InQuery,
}

/// What became of a credential's look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "documented at `credentials.resolve` in the contract")]
pub enum Resolution {
    Resolved(Identity),
    Invalid,
    Throttled,
    Unavailable,
}

/// What is believed of an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "documented at `upstreams.state` in the contract")]
pub enum UpstreamState {
    Ready,
    Unavailable,
    Unknown,
}

/// What the request's idempotency key looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "documented at `idempotency.key` in the contract")]
pub enum IdempotencyKey {
    Absent,
    Valid,
    Malformed,
}

/// What became of a claim.
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

/// What became of a charge.
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
