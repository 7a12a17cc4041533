use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use super::*;
use crate::credentials::{NewKey, Unreachable};
use crate::testing::ManualClock;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tollgate_chain::Access;

/// A store whose keys, failures and speed the test sets.
#[derive(Debug)]
struct Stub {
    clock: Arc<ManualClock>,
    keys: Mutex<Vec<(KeyDigest, Arc<Principal>)>>,
    look_ups: AtomicUsize,
    down: AtomicBool,
    /// A look-up answers when it gets a permit.
    permits: Arc<Semaphore>,
    /// The time that passes while a look-up is under way.
    takes: Mutex<Duration>,
}

impl CredentialStore for Arc<Stub> {
    fn look_up(&self, digest: KeyDigest) -> Later<'static, Result<Lookup, Unreachable>> {
        self.look_ups.fetch_add(1, Ordering::SeqCst);
        let found = self.keys.lock().iter().find(|(known, _)| *known == digest).cloned();
        let answer = match found {
            _ if self.down.load(Ordering::SeqCst) => Err(Unreachable("down".into())),
            Some((_, principal)) => Ok(Lookup::Found(principal)),
            None => Ok(Lookup::NotFound),
        };
        let (this, permits) = (Self::clone(self), Arc::clone(&self.permits));
        Later::Pending(Box::pin(async move {
            permits.acquire().await.expect("open").forget();
            this.clock.advance(*this.takes.lock());
            answer
        }))
    }
}

/// A limit of five failures in five seconds.
#[derive(Debug)]
struct FiveFailures {
    clock: Arc<ManualClock>,
    failed: Mutex<HashMap<IpAddr, Vec<Duration>>>,
}

impl FailureLimit for FiveFailures {
    fn check(&self, client: IpAddr) -> Result<(), Duration> {
        let window = Duration::from_secs(5);
        let start = self.clock.monotonic() - window;
        let mut failed = self.failed.lock();
        let failures = failed.entry(client).or_default();
        failures.retain(|moment| *moment > start);
        if failures.len() < 5 { Ok(()) } else { Err(window) }
    }

    fn count(&self, client: IpAddr) {
        self.failed.lock().entry(client).or_default().push(self.clock.monotonic());
    }
}

struct Bench {
    clock: Arc<ManualClock>,
    stub: Arc<Stub>,
    resolver: Resolver,
}

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

fn bench() -> Bench {
    bench_with(Duration::from_secs(10))
}

fn bench_with(look_up_timeout: Duration) -> Bench {
    let clock = Arc::new(ManualClock::new());
    let stub = Arc::new(Stub {
        clock: Arc::clone(&clock),
        keys: Mutex::default(),
        look_ups: AtomicUsize::new(0),
        down: AtomicBool::new(false),
        permits: Arc::new(Semaphore::new(1_000_000)),
        takes: Mutex::default(),
    });
    let failures = Arc::new(FiveFailures { clock: Arc::clone(&clock), failed: Mutex::default() });
    let options = ResolverOptions { look_up_timeout, ..Default::default() };
    let store = Arc::new(Arc::clone(&stub));
    let resolver = Resolver::new(store, failures, Arc::clone(&clock) as _, options);
    Bench { clock, stub, resolver }
}

impl Bench {
    fn mint(&self, environment: Environment) -> ApiKey {
        let key = new_key(environment);
        let principal = Principal {
            tenant: "acme".into(),
            environment,
            key_id: "key-1".into(),
            scopes: ["a:b".into()].into(),
            access: Access::Full,
        };
        self.stub.keys.lock().push((key.digest, Arc::new(principal)));
        key
    }

    fn revoke(&self, key: &ApiKey) {
        self.stub.keys.lock().retain(|(digest, _)| *digest != key.digest);
    }

    async fn resolve(&self, key: &ApiKey) -> &'static str {
        self.resolve_from(key, CLIENT).await
    }

    async fn resolve_from(&self, key: &ApiKey, client: IpAddr) -> &'static str {
        match self.resolver.resolve(key, client).get().await {
            Resolved::Found(_) => "found",
            Resolved::Invalid => "invalid",
            Resolved::Throttled(_) => "throttled",
            Resolved::Unavailable(_) => "unavailable",
        }
    }

    fn look_ups(&self) -> usize {
        self.stub.look_ups.load(Ordering::SeqCst)
    }

    fn after(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }

    /// Waits until every look-up has landed.
    async fn landed(&self) {
        while !self.resolver.inner.flights.is_empty() {
            tokio::task::yield_now().await;
        }
    }
}

fn new_key(environment: Environment) -> ApiKey {
    ApiKey::parse(NewKey::make(environment).expect("randomness").expose()).expect("a key")
}

#[tokio::test]
async fn a_known_key_is_asked_once_in_half_a_second() {
    let bench = bench();
    let key = bench.mint(Environment::Live);
    for _ in 0..10 {
        assert_eq!(bench.resolve(&key).await, "found");
        bench.after(49);
    }
    bench.landed().await;
    assert_eq!(bench.look_ups(), 1);
}

#[tokio::test]
async fn a_key_in_steady_use_never_waits_and_is_asked_in_the_background() {
    let bench = bench();
    let key = bench.mint(Environment::Live);
    assert_eq!(bench.resolve(&key).await, "found");
    for round in 1..20 {
        bench.after(600);
        let resolving = bench.resolver.resolve(&key, CLIENT);
        assert!(matches!(resolving, Later::Ready(Resolved::Found(_))), "round {round}");
        bench.landed().await;
        assert_eq!(bench.look_ups(), 1 + round);
    }
}

#[tokio::test]
async fn a_revoked_key_is_refused_after_at_most_a_second() {
    for pause in [1, 499, 500, 999, 1_000] {
        let bench = bench();
        let key = bench.mint(Environment::Live);
        assert_eq!(bench.resolve(&key).await, "found");
        bench.revoke(&key);
        bench.after(pause);
        bench.resolve(&key).await;
        bench.after(1_001 - pause);
        assert_eq!(bench.resolve(&key).await, "invalid", "{pause}");
    }
}

#[tokio::test]
async fn the_second_counts_from_when_the_question_was_sent() {
    let bench = bench();
    let key = bench.mint(Environment::Live);
    *bench.stub.takes.lock() = Duration::from_millis(900);
    assert_eq!(bench.resolve(&key).await, "found");
    bench.revoke(&key);
    bench.after(101);
    assert_eq!(bench.resolve(&key).await, "invalid");
}

#[tokio::test]
async fn an_unknown_key_is_asked_once_a_second_and_found_once_it_is_minted() {
    let bench = bench();
    let key = new_key(Environment::Live);
    assert_eq!(bench.resolve(&key).await, "invalid");
    bench.after(1_000);
    assert_eq!(bench.resolve(&key).await, "invalid");
    assert_eq!(bench.look_ups(), 1);
    bench.after(1);
    assert_eq!(bench.resolve(&key).await, "invalid");
    assert_eq!(bench.look_ups(), 2);
    bench.resolver.forget(&key.digest);
    assert_eq!(bench.resolve(&key).await, "invalid");
    assert_eq!(bench.look_ups(), 3);
}

#[tokio::test]
async fn a_thousand_requests_with_a_cold_key_ask_once() {
    let bench = bench();
    let key = bench.mint(Environment::Live);
    bench.stub.permits.forget_permits(1_000_000);
    let waiting: Vec<_> = (0..1_000).map(|_| bench.resolver.resolve(&key, CLIENT)).collect();
    bench.stub.permits.add_permits(1_000_000);
    for resolving in waiting {
        assert!(matches!(resolving.get().await, Resolved::Found(_)));
    }
    assert_eq!(bench.look_ups(), 1);
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_abandon_the_others() {
    let bench = bench();
    let key = bench.mint(Environment::Live);
    bench.stub.permits.forget_permits(1_000_000);
    let first = bench.resolver.resolve(&key, CLIENT);
    let second = bench.resolver.resolve(&key, CLIENT);
    drop(first);
    bench.stub.permits.add_permits(1);
    assert!(matches!(second.get().await, Resolved::Found(_)));
}

#[tokio::test]
async fn a_known_key_outlives_the_store_for_its_environments_bound() {
    for (environment, seconds) in [(Environment::Live, 5), (Environment::Sandbox, 60)] {
        let bench = bench();
        let key = bench.mint(environment);
        assert_eq!(bench.resolve(&key).await, "found");
        bench.stub.down.store(true, Ordering::SeqCst);
        bench.after(seconds * 1_000);
        assert_eq!(bench.resolve(&key).await, "found", "{environment}");
        bench.after(1);
        assert_eq!(bench.resolve(&key).await, "unavailable", "{environment}");
    }
}

#[tokio::test]
async fn an_unknown_key_is_unavailable_and_not_invalid_when_the_store_is_down() {
    let bench = bench();
    bench.stub.down.store(true, Ordering::SeqCst);
    for _ in 0..10 {
        assert_eq!(bench.resolve(&new_key(Environment::Live)).await, "unavailable");
    }
    bench.stub.down.store(false, Ordering::SeqCst);
    assert_eq!(bench.resolve(&new_key(Environment::Live)).await, "invalid", "nothing was charged");
}

#[tokio::test]
async fn while_the_store_is_known_to_be_down_nobody_waits_for_it_with_a_known_key() {
    let bench = bench();
    let key = bench.mint(Environment::Live);
    assert_eq!(bench.resolve(&key).await, "found");
    bench.stub.down.store(true, Ordering::SeqCst);
    for _ in 0..BROKEN {
        assert_eq!(bench.resolve(&new_key(Environment::Live)).await, "unavailable");
    }
    bench.after(2_000);
    let resolving = bench.resolver.resolve(&key, CLIENT);
    assert!(matches!(resolving, Later::Ready(Resolved::Found(_))));
    bench.landed().await;
    // The first answer ends it: from here on the second counts again.
    bench.stub.down.store(false, Ordering::SeqCst);
    bench.revoke(&key);
    assert_eq!(bench.resolve(&new_key(Environment::Live)).await, "invalid");
    assert_eq!(bench.resolve(&key).await, "invalid");
}

#[tokio::test]
async fn failures_trip_the_address_before_the_store_is_asked() {
    let bench = bench();
    for _ in 0..5 {
        assert_eq!(bench.resolve(&new_key(Environment::Live)).await, "invalid");
    }
    let good = bench.mint(Environment::Live);
    for key in [new_key(Environment::Live), good] {
        assert_eq!(bench.resolve(&key).await, "throttled");
    }
    assert!(matches!(bench.resolver.refuse(CLIENT), Resolved::Throttled(_)));
    assert_eq!(bench.look_ups(), 5);
    assert_eq!(bench.resolve_from(&good, OTHER).await, "found");
    assert_eq!(bench.resolve(&good).await, "found", "a known good key is no guess");
    bench.after(5_000);
    assert_eq!(bench.resolve(&new_key(Environment::Live)).await, "invalid");
}

#[tokio::test]
async fn a_good_key_is_not_throttled_with_those_who_guess_at_its_address() {
    let bench = bench();
    let (good, other) = (bench.mint(Environment::Live), bench.mint(Environment::Live));
    assert_eq!(bench.resolve(&good).await, "found");

    let guess = async || {
        while bench.resolve(&new_key(Environment::Live)).await != "throttled" {}
    };
    for _ in 0..20 {
        bench.after(1_500);
        guess().await;
        assert_eq!(bench.resolve(&good).await, "found");
        assert_eq!(bench.resolve(&other).await, "throttled", "it was not good before");
    }

    bench.after(3_600_001);
    guess().await;
    assert_eq!(bench.resolve(&good).await, "throttled", "it was good too long ago");
    assert_eq!(bench.resolve_from(&good, OTHER).await, "found");
    bench.revoke(&good);
    bench.after(1_500);
    guess().await;
    let before = bench.look_ups();
    assert_eq!(bench.resolve(&good).await, "throttled");
    assert_eq!(bench.resolve(&good).await, "throttled");
    assert_eq!(bench.look_ups(), before + 1, "once it is revoked it is a guess like any other");
}

#[tokio::test]
async fn successes_cost_the_address_nothing() {
    let bench = bench();
    for _ in 0..50 {
        let key = bench.mint(Environment::Live);
        assert_eq!(bench.resolve(&key).await, "found");
    }
    assert_eq!(bench.resolve(&new_key(Environment::Live)).await, "invalid");
}

#[tokio::test]
async fn a_key_whose_prefix_names_another_environment_than_the_store_is_invalid() {
    let bench = bench();
    let key = bench.mint(Environment::Sandbox);
    let forged = ApiKey { environment: Environment::Live, ..key };
    assert_eq!(bench.resolve(&forged).await, "invalid");
    assert_eq!(bench.resolve(&key).await, "found");
    assert_eq!(bench.resolve(&forged).await, "invalid");
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_unavailable_in_time() {
    let bench = bench_with(Duration::from_millis(20));
    bench.stub.permits.forget_permits(1_000_000);
    let key = bench.mint(Environment::Live);
    assert_eq!(bench.resolve(&key).await, "unavailable");
    bench.landed().await;
    bench.stub.permits.add_permits(1);
    assert_eq!(bench.resolve(&key).await, "found");
}

#[tokio::test]
async fn too_many_look_ups_at_once_are_unavailable() {
    let bench = bench();
    bench.stub.permits.forget_permits(1_000_000);
    let waiting: Vec<_> = (0..1_024)
        .map(|_| bench.resolver.resolve(&bench.mint(Environment::Live), CLIENT))
        .collect();
    let key = bench.mint(Environment::Live);
    assert_eq!(bench.resolve(&key).await, "unavailable");
    bench.stub.permits.add_permits(2_000);
    for resolving in waiting {
        assert!(matches!(resolving.get().await, Resolved::Found(_)));
    }
    assert_eq!(bench.resolve(&key).await, "found");
}
