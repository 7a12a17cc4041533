//! One request, its stores and its clock, all in memory.

use std::sync::Arc;

use http::HeaderName;
use tollgate_capability::credentials::NewKey;
use tollgate_capability::testing::{ManualClock, deposit_head, deposit_match};
use tollgate_capability::{PolicyHost, RequestContext, Stores};
use tollgate_chain::{
    Bucket, CredentialHandle, CredentialsRead, Environment, Error, Head, IdempotencyEffect,
    Partition, Payload, Prepared, Question, Rate, Rule, UpstreamState,
};
use tollgate_stores::file::FileCredentials;
use tollgate_stores::memory::MemoryIdempotencyLimits;
use tollgate_stores::testing::in_memory;

pub(crate) struct Fixture {
    pub(crate) clock: Arc<ManualClock>,
    stores: Arc<Stores>,
    keys: Arc<FileCredentials>,
    digest: String,
    head: Arc<Head>,
}

/// A body whose fingerprint is its first byte, and which is refused beyond eight.
struct Body(String);

impl Payload for Body {
    fn prepare(&self) -> Prepared<'_> {
        Box::pin(async {
            match self.0.as_bytes() {
                [first, ..] if self.0.len() <= 8 => Ok([*first; 32]),
                _ => Err(Error::BodyTooLarge { limit: 8 }),
            }
        })
    }
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Head)) -> Self {
        let clock = Arc::new(ManualClock::new());
        let key = NewKey::make(Environment::Live).expect("randomness");
        let digest = key.digest().0.hex();
        let text = keys("acme", &digest);
        let keys = FileCredentials::parse(&text, Arc::clone(&clock) as _).expect("a good file");
        let keys = Arc::new(keys);

        let stores = in_memory(
            Arc::clone(&clock) as _,
            Arc::clone(&keys) as _,
            MemoryIdempotencyLimits::default(),
        );

        let bearer = format!("Bearer {}", key.expose());
        let mut head = deposit_head(&[
            ("authorization", &bearer),
            ("idempotency-key", "\"k1\""),
            ("origin", "https://app.example.com"),
            ("x-internal", "secret"),
        ])
        .expect("valid header fields");
        change(&mut head);
        Self { clock, stores: Arc::new(stores), keys, digest, head: Arc::new(head) }
    }

    /// The same key, from now on another tenant's.
    pub(crate) fn rename_tenant(&self, tenant: &str) {
        self.keys.replace(&keys(tenant, &self.digest)).expect("a good file");
    }

    pub(crate) fn exchange(&self, body: &str) -> Box<PolicyHost> {
        let state = |name: &str| match name {
            "deposits" => UpstreamState::Ready,
            _ => UpstreamState::Unknown,
        };
        let context = RequestContext {
            head: Arc::clone(&self.head),
            matched: deposit_match(),
            payload: Arc::new(Body(body.into())),
            upstreams: Arc::new(state),
            hidden: [HeaderName::from_static("x-internal")].into(),
        };
        Box::new(PolicyHost::new(context, Arc::clone(&self.stores)))
    }
}

fn keys(tenant: &str, digest: &str) -> String {
    format!(
        "[[keys]]\nid = \"key-1\"\nsha256 = \"{digest}\"\ntenant = \"{tenant}\"\n\
         environment = \"live\"\nscopes = [\"deposits:write\"]\n"
    )
}

pub(crate) fn ask(read: impl Into<Question>) -> Question {
    read.into()
}

pub(crate) fn resolve() -> Question {
    ask(CredentialsRead::Resolve(CredentialHandle(0)))
}

pub(crate) fn claim() -> Question {
    Question::from(IdempotencyEffect::Claim)
}

/// A bucket of the tenant, one unit a minute in bursts, and one of slots.
pub(crate) fn buckets(burst: u32, slots: u32) -> Box<[Bucket]> {
    let rate = Rate { quota: 1, window_seconds: 60, burst, cost: 1 };
    let bucket =
        |name: &str, rule| Bucket { name: name.into(), partition: Partition::Tenant, rule };
    [bucket("tenant", Rule::Rate(rate)), bucket("concurrent", Rule::Concurrency(slots))].into()
}
