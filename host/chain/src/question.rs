//! What a policy may ask. One variant for each function of `wit/`, in three classes.
//!
//! Questions are values: they are compared, recorded in a [`Trace`](crate::Trace) and asked again.
//! Their serialised form is the one of receipts, and comes back as the same value.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

/// Text inside a question or an answer.
pub type Text = Box<str>;

/// Number of a credential, by order of creation in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CredentialHandle(pub u32);

/// Number of a reply that the host holds, by order of creation in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HeldHandle(pub u32);

/// One call from policy to host, with its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// Changes nothing.
    Read(Read),
    /// Changes the exchange, with the verdict: all of a run's commands, or none.
    Command(Command),
    /// Reserves something outside the exchange, kept or released with the run.
    Effect(Effect),
}

/// Questions that change nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Read {
    /// `request.method-is`
    MethodIs(Text),
    /// `request.header-presence`
    HeaderPresence(Text),
    /// `request.header-is`
    HeaderIs(Text, Text),
    /// `request.header`
    Header(Text),
    /// `request.authority-in`
    AuthorityIn(Box<[Text]>),
    /// `request.server-name-in`
    ServerNameIn(Box<[Text]>),
    /// `request.origin`
    Origin,
    /// `request.origin-in`
    OriginIn(Box<[Text]>),
    /// `route.matched`
    RouteMatched,
    /// `route.name`
    RouteName,
    /// `route.attribute`
    RouteAttribute(Text),
    /// `route.grpc-method`
    RouteGrpcMethod,
    /// `credentials.presented`
    CredentialsPresented,
    /// `credentials.resolve`
    CredentialsResolve(CredentialHandle),
    /// `credentials.permits`
    CredentialsPermits(CredentialHandle, Text),
    /// `principal.environment`
    PrincipalEnvironment,
    /// `principal.has-scope`
    PrincipalHasScope(Text),
    /// `principal.tenant`
    PrincipalTenant,
    /// `upstreams.state`
    UpstreamState(Text),
    /// `idempotency.key`
    IdempotencyKey,
    /// `notes.is`
    NoteIs(Text, Text),
    /// `notes.get`
    Note(Text),
    /// `response.status`
    ResponseStatus,
    /// `response.header-presence`
    ResponseHeaderPresence(Text),
    /// `response.header-is`
    ResponseHeaderIs(Text, Text),
    /// What a guest's language runtime asks of the machine.
    System(System),
}

/// What language runtimes ask of the machine they believe to run on, by the interfaces of WASI 0.2.
/// The answers are never the same for long, so none of them is an edge of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// `wasi:clocks/wall-clock.now`: nanoseconds since 1970-01-01T00:00:00Z.
    WallClock,
    /// `wasi:clocks/monotonic-clock.now`: nanoseconds since a moment of the process.
    MonotonicClock,
    /// `wasi:random/random` and `wasi:random/insecure`: so many bytes, at most
    /// [`System::RANDOM_MAX`].
    Random(u32),
}

impl System {
    /// Most bytes of one answer of [`System::Random`].
    pub const RANDOM_MAX: u32 = 4_095;
    const RANDOM_END: u32 = Self::RANDOM_MAX + 1;
}

/// Questions whose answer is *done*, collected and applied with the verdict.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// `reply-headers.set`
    ReplyHeaderSet(Text, Text),
    /// `reply-headers.set-from`
    ReplyHeaderSetFrom(Text, Source),
    /// `reply-headers.add-vary`
    ReplyVary(Box<[Text]>),
    /// `reply-headers.drop-upstream`
    ReplyDropUpstream(Arc<[Text]>),
    /// `principal.establish`
    PrincipalEstablish(CredentialHandle),
    /// `quota.report`
    QuotaReport,
    /// `notes.set`
    NoteSet(Text, Text),
    /// `log.write`
    Log(LogLevel, Text),
}

/// Questions that reserve something outside the exchange.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// `quota.take-all`
    QuotaTakeAll(Box<[Bucket]>),
    /// `idempotency.claim`
    IdempotencyClaim,
}

/// Where the host takes a reply header's value from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The request's field of this name.
    RequestHeader(Text),
    /// The methods of the Routes at this path.
    RouteMethods,
    /// Seconds to wait, as the last refusing answer says.
    RetryAfter,
}

/// Severity of a policy's log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the four usual levels")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// Whose bucket it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Partition {
    /// The tenant in its environment.
    Tenant,
    /// The key.
    Key,
    /// The caller's address.
    Address,
}

/// So many per window, in bursts of at most so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rate {
    /// Units per window.
    pub quota: u32,
    /// Length of the window, in seconds.
    pub window_seconds: u32,
    /// Units that may come at once.
    pub burst: u32,
    /// Units that this request costs.
    pub cost: u32,
}

/// What a bucket limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A rate.
    Rate(Rate),
    /// Requests in flight.
    Concurrency(u32),
}

/// One quota that a request is charged to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Bucket {
    /// The policy's name in `RateLimit-Policy`.
    pub name: Text,
    /// Whose bucket it is.
    pub partition: Partition,
    /// What it limits.
    pub rule: Rule,
}

/// A question that cannot be asked: its arguments are out of their bounds. Ends the run, closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{function}: {expected}")]
pub struct Nonsense {
    /// The function of the contract, `interface.name`.
    pub function: &'static str,
    /// What was expected of its arguments.
    pub expected: &'static str,
}

impl Question {
    /// Whether its answer is *done*, whatever happens.
    #[must_use]
    pub fn is_command(&self) -> bool {
        matches!(self, Self::Command(_))
    }

    /// Whether asking it once more changes nothing anywhere. A look-up of a credential is charged
    /// to the caller when it fails.
    #[must_use]
    pub fn is_free(&self) -> bool {
        match self {
            Self::Read(read) => !matches!(read, Read::CredentialsResolve(_)),
            Self::Command(_) | Self::Effect(_) => false,
        }
    }

    /// Checks the arguments that the contract bounds.
    ///
    /// # Errors
    /// Names the function and what was expected.
    pub fn check(&self) -> Result<(), Nonsense> {
        match self {
            Self::Read(Read::System(System::Random(System::RANDOM_END..))) => {
                Err(Nonsense { function: "wasi:random", expected: "at most 4095 bytes at a time" })
            }
            Self::Read(_) => Ok(()),
            Self::Command(command) => command.check(),
            Self::Effect(Effect::QuotaTakeAll(buckets)) => check_buckets(buckets),
            Self::Effect(Effect::IdempotencyClaim) => Ok(()),
        }
    }
}

impl Command {
    fn check(&self) -> Result<(), Nonsense> {
        match self {
            Self::ReplyHeaderSet(name, value) => {
                check_name("reply-headers.set", name)?;
                HeaderValue::from_str(value).map(drop).map_err(|_| Nonsense {
                    function: "reply-headers.set",
                    expected: "a value of visible ASCII, spaces and tabs",
                })
            }
            Self::ReplyHeaderSetFrom(name, _) => check_name("reply-headers.set-from", name),
            Self::ReplyVary(names) => check_names("reply-headers.add-vary", names),
            Self::ReplyDropUpstream(names) => check_names("reply-headers.drop-upstream", names),
            Self::NoteSet(name, value) => {
                if (1..=64).contains(&name.len()) && value.len() <= 256 {
                    Ok(())
                } else {
                    Err(Nonsense {
                        function: "notes.set",
                        expected: "a name of 1 to 64 bytes and a value of at most 256",
                    })
                }
            }
            Self::PrincipalEstablish(_) | Self::QuotaReport | Self::Log(..) => Ok(()),
        }
    }
}

/// Fields that frame the message or belong to the host: no policy sets or drops them.
const RESERVED: [&str; 7] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "transfer-encoding",
    "upgrade",
    "x-request-id",
];

fn check_names(function: &'static str, names: &[Text]) -> Result<(), Nonsense> {
    if names.len() > 64 {
        return Err(Nonsense { function, expected: "at most 64 header names" });
    }
    names.iter().try_for_each(|name| check_name(function, name))
}

fn check_name(function: &'static str, name: &str) -> Result<(), Nonsense> {
    let name = HeaderName::try_from(name)
        .map_err(|_| Nonsense { function, expected: "a header name (RFC 9110 §5.1)" })?;
    if RESERVED.contains(&name.as_str()) {
        return Err(Nonsense { function, expected: "a header that is not the host's own" });
    }
    Ok(())
}

fn check_buckets(buckets: &[Bucket]) -> Result<(), Nonsense> {
    let nonsense = |expected| Err(Nonsense { function: "quota.take-all", expected });
    if !(1..=16).contains(&buckets.len()) {
        return nonsense("1 to 16 buckets");
    }
    for bucket in buckets {
        if !(1..=64).contains(&bucket.name.len()) {
            return nonsense("a bucket name of 1 to 64 bytes");
        }
        match bucket.rule {
            Rule::Concurrency(1..=100_000) => {}
            Rule::Concurrency(_) => return nonsense("a concurrency of 1 to 100000"),
            Rule::Rate(rate) => check_rate(rate)?,
        }
    }
    Ok(())
}

fn check_rate(rate: Rate) -> Result<(), Nonsense> {
    let units = 1..=1_000_000;
    let sound = units.contains(&rate.quota)
        && units.contains(&rate.burst)
        && (1..=86_400).contains(&rate.window_seconds)
        && (1..=rate.burst).contains(&rate.cost);
    if sound {
        Ok(())
    } else {
        Err(Nonsense {
            function: "quota.take-all",
            expected: "quota and burst of 1 to 1000000, a window of 1 to 86400 s, a cost of 1 to burst",
        })
    }
}
