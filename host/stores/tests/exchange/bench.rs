//! One request, its stores and its clock, all in memory.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tollgate_capability::credentials::{NewKey, Resolver, ResolverOptions};
use tollgate_capability::testing::ManualClock;
use tollgate_capability::{PolicyHost, RequestContext, Stores};
use tollgate_chain::{
    Authority, Bucket, CredentialHandle, CredentialsRead, Environment, Error, GrpcMethod, Head,
    IdempotencyEffect, Matched, Partition, Payload, Prepared, Question, Rate, Route, RouteLimits,
    Rule, UpstreamState,
};
use tollgate_stores::file::FileCredentials;
use tollgate_stores::memory::{
    AddressFailures, MemoryIdempotency, MemoryIdempotencyLimits, MemoryQuota, MemoryQuotaLimits,
};

pub(crate) struct Bench {
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

impl Bench {
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

        let (quota, idempotency) =
            (MemoryQuotaLimits::default(), MemoryIdempotencyLimits::default());
        let options = ResolverOptions::default();
        let rate = AddressFailures::DEFAULT_RATE;
        let failures = Arc::new(AddressFailures::new(Arc::clone(&clock) as _, rate));
        let stores = Arc::new(Stores {
            clock: Arc::clone(&clock) as _,
            credentials: Resolver::new(
                Arc::clone(&keys) as _,
                failures,
                Arc::clone(&clock) as _,
                options,
            ),
            quota: Arc::new(MemoryQuota::new(Arc::clone(&clock) as _, quota)),
            idempotency: Arc::new(MemoryIdempotency::new(Arc::clone(&clock) as _, idempotency)),
        });

        let mut head = head(key.expose());
        change(&mut head);
        Self { clock, stores, keys, digest, head: Arc::new(head) }
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
            matched: Matched::Found {
                route: Arc::new(route()),
                variables: Vec::new(),
                methods: "GET, POST".into(),
            },
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

fn head(key: &str) -> Head {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("authorization", format!("Bearer {key}").as_str()),
        ("idempotency-key", "\"k1\""),
        ("origin", "https://app.example.com"),
        ("x-internal", "secret"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::try_from(value).expect("value"));
    }

    Head {
        method: Method::POST,
        authority: Authority::from_canonical("api.example.com"),
        path: "/v1/deposits".into(),
        query: None,
        headers,
        server_name: None,
        secure: true,
        client: [192, 0, 2, 1].into(),
        request_id: "req-00000001".into(),
    }
}

fn route() -> Route {
    Route {
        name: "create-deposit".into(),
        template: "/v1/deposits".into(),
        attributes: [("scope".into(), "deposits:write".into())].into_iter().collect(),
        grpc: Some(GrpcMethod { service: "deposits.v1.Deposits".into(), method: "Create".into() }),
        upstream: Some("deposits".into()),
        binding: 0,
        chain: 0,
        limits: RouteLimits { body_bytes_max: 8, timeout: Duration::from_secs(30) },
    }
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
