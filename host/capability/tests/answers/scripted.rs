//! A host whose stores answer by a script and write down what becomes of their effects.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use parking_lot::Mutex;
use tollgate_capability::credentials::{
    CredentialStore, FailureLimit, KeyDigest, Lookup, NewKey, Resolver, ResolverOptions,
    Unreachable,
};
use tollgate_capability::idempotency::{
    Claim, ClaimOutcome, ClaimRequest, Completion, Holder, IdempotencyStore, StoredReply, Ticket,
};
use tollgate_capability::quota::{BucketStanding, Charge, ChargeOutcome, QuotaStore, Reserved};
use tollgate_capability::testing::{ManualClock, deposit_head, deposit_match};
use tollgate_capability::{Later, PolicyHost, RequestContext, Stores};
use tollgate_chain::{
    Access, Answer, Asked, Command, CredentialHandle, CredentialsRead, Environment, Error,
    Fingerprint, Head, Host, Matched, Payload, Prepared, Principal, PrincipalCommand, Question,
    Read, Settlement, UpstreamState,
};

pub(crate) const ONLY: CredentialHandle = CredentialHandle(0);

/// The events of the stores, in their order.
pub(crate) type Events = Arc<Mutex<Vec<String>>>;

/// Everything that a test may set before it makes a host.
pub(crate) struct World {
    pub(crate) head: Head,
    pub(crate) matched: Matched,
    pub(crate) body: Result<Fingerprint, Error>,
    pub(crate) lookup: Result<Lookup, Unreachable>,
    /// The wait of an address that failed too often.
    pub(crate) failures: Result<(), Duration>,
    pub(crate) quota: VecDeque<Denial>,
    pub(crate) claims: VecDeque<Script>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) events: Events,
}

/// The outcome of a charge: allowed, or denied by the bucket at an index for so long.
pub(crate) type Denial = Option<(usize, Duration)>;

/// The outcome of a claim.
#[derive(Debug, Clone)]
pub(crate) enum Script {
    Claimed,
    Completed(StoredReply),
    InProgress,
    Reused,
    Unavailable,
}

pub(crate) fn principal() -> Principal {
    Principal {
        tenant: "acme".into(),
        environment: Environment::Live,
        key_id: "key-1".into(),
        scopes: ["deposits:write".into()].into(),
        access: Access::NoMoneyOut,
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let key = NewKey::make(Environment::Live).expect("randomness");
        let bearer = format!("Bearer {}", key.expose());
        let head = head(&[
            ("authorization", bearer.as_str()),
            ("idempotency-key", "\"k1\""),
            ("origin", "https://app.example.com"),
            ("x-internal", "secret"),
            ("accept", "application/json"),
        ]);

        Self {
            head,
            matched: deposit_match(),
            body: Ok([7; 32]),
            lookup: Ok(Lookup::Found(Arc::new(principal()))),
            failures: Ok(()),
            quota: VecDeque::new(),
            claims: VecDeque::new(),
            clock: Arc::new(ManualClock::new()),
            events: Events::default(),
        }
    }

    pub(crate) fn host(self) -> PolicyHost {
        let events = self.events;
        let clock = self.clock;
        let stores = Stores {
            clock: Arc::clone(&clock) as _,
            credentials: Resolver::new(
                Arc::new(OneAnswer(self.lookup)),
                Arc::new(FixedFailures(self.failures)),
                clock,
                ResolverOptions::default(),
            ),
            quota: Arc::new(ScriptedQuota {
                outcomes: Mutex::new(self.quota),
                events: Arc::clone(&events),
            }),
            idempotency: Arc::new(ScriptedRecords {
                outcomes: Mutex::new(self.claims),
                holder: Arc::new(WrittenDown(events)),
            }),
        };

        let upstreams = |name: &str| match name {
            "deposits" => UpstreamState::Ready,
            "payouts" => UpstreamState::Unavailable,
            _ => UpstreamState::Unknown,
        };
        let context = RequestContext {
            head: Arc::new(self.head),
            matched: self.matched,
            payload: Arc::new(Body(self.body)),
            upstreams: Arc::new(upstreams),
            hidden: [HeaderName::from_static("x-internal")].into(),
        };
        PolicyHost::new(context, Arc::new(stores))
    }

    /// A host whose first run has established the principal.
    pub(crate) async fn authenticated(self) -> PolicyHost {
        let mut host = self.host();
        ask(&mut host, Read::Credentials(CredentialsRead::Resolve(ONLY))).await;
        host.apply(&Command::Principal(PrincipalCommand::Establish(ONLY)));
        host.settle(Settlement::Commit);
        host
    }
}

/// Asks one question and waits for its answer.
pub(crate) async fn ask(host: &mut PolicyHost, question: impl Into<AnyQuestion>) -> Answer {
    let AnyQuestion(question) = question.into();
    match host.ask(&question) {
        Asked::Ready(answer) => answer,
        Asked::Pending(later) => later.await,
    }
}

/// A question of any class.
pub(crate) struct AnyQuestion(Question);

impl From<Read> for AnyQuestion {
    fn from(read: Read) -> Self {
        Self(Question::Read(read))
    }
}

impl From<tollgate_chain::Effect> for AnyQuestion {
    fn from(effect: tollgate_chain::Effect) -> Self {
        Self(Question::Effect(effect))
    }
}

pub(crate) fn head(fields: &[(&str, &str)]) -> Head {
    deposit_head(fields).expect("valid header fields")
}

struct Body(Result<Fingerprint, Error>);

impl Payload for Body {
    fn prepare(&self) -> Prepared<'_> {
        Box::pin(std::future::ready(self.0.clone()))
    }
}

#[derive(Debug)]
struct OneAnswer(Result<Lookup, Unreachable>);

impl CredentialStore for OneAnswer {
    fn look_up(&self, _: KeyDigest) -> Later<'static, Result<Lookup, Unreachable>> {
        Later::Ready(self.0.clone())
    }
}

#[derive(Debug)]
struct FixedFailures(Result<(), Duration>);

impl FailureLimit for FixedFailures {
    fn check(&self, _: IpAddr) -> Result<(), Duration> {
        self.0
    }

    fn count(&self, _: IpAddr) {}
}

#[derive(Debug)]
struct ScriptedQuota {
    outcomes: Mutex<VecDeque<Denial>>,
    events: Events,
}

impl QuotaStore for ScriptedQuota {
    fn take<'a>(&'a self, charges: Vec<Charge<'a>>) -> Later<'a, ChargeOutcome> {
        for charge in &charges {
            self.events.lock().push(format!("charge {} {:?}", charge.name, charge.owner));
        }
        let more_in = Duration::from_secs(60);
        let standings = charges.iter().map(|_| BucketStanding { remaining: 5, more_in }).collect();
        let outcome = self.outcomes.lock().pop_front().expect("a scripted outcome");
        Later::Ready(match outcome {
            None => {
                let events = Arc::clone(&self.events);
                let reservation = Box::new(Taken { events, committed: false });
                ChargeOutcome::Allowed { reservation, standings }
            }
            Some((index, retry_after)) => ChargeOutcome::Denied { index, retry_after, standings },
        })
    }
}

#[derive(Debug)]
struct Taken {
    events: Events,
    committed: bool,
}

impl Reserved for Taken {
    fn commit(&mut self) {
        self.committed = true;
        self.events.lock().push("commit".into());
    }

    fn holds_slots(&self) -> bool {
        true
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let word = if self.committed { "end slots" } else { "give back" };
        self.events.lock().push(word.into());
    }
}

#[derive(Debug)]
struct ScriptedRecords {
    outcomes: Mutex<VecDeque<Script>>,
    holder: Arc<WrittenDown>,
}

impl IdempotencyStore for ScriptedRecords {
    fn claim(&self, request: ClaimRequest) -> Later<'_, ClaimOutcome> {
        self.holder.0.lock().push(format!("claim for {} s", request.lease.as_secs()));
        let script = self.outcomes.lock().pop_front().expect("a scripted outcome");
        Later::Pending(Box::pin(async move {
            match script {
                Script::Claimed => {
                    let ticket = Ticket { operation: request.operation, generation: 1 };
                    let holder = Arc::clone(&self.holder) as Arc<dyn Holder>;
                    let claim = Claim::new(holder, ticket, request.fingerprint, request.lease);
                    ClaimOutcome::Claimed(claim)
                }
                Script::Completed(reply) => ClaimOutcome::Completed(reply),
                Script::InProgress => ClaimOutcome::InProgress,
                Script::Reused => ClaimOutcome::Reused,
                Script::Unavailable => ClaimOutcome::Unavailable,
            }
        }))
    }
}

#[derive(Debug)]
struct WrittenDown(Events);

impl Holder for WrittenDown {
    fn complete(&self, _: Ticket, _: StoredReply) -> Later<'static, Completion> {
        self.0.lock().push("complete".into());
        Later::Ready(Completion::Stored)
    }

    fn retryable(&self, _: Ticket) -> Later<'static, ()> {
        self.0.lock().push("retryable".into());
        Later::Ready(())
    }

    fn renew(&self, _: Ticket, _: Duration) {
        self.0.lock().push("renew".into());
    }
}
