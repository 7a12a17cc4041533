//! The promises of an `IdempotencyStore`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use tempfile::TempDir;
use tollgate_capability::Sha256Digest;
use tollgate_capability::idempotency::{
    BODY_BYTES_MAX, Claim, ClaimOutcome, ClaimRequest, Completion, IdempotencyStore, OperationKey,
    RETRYABLE_TTL, RecordOwner, StoredReply, TTL_MIN,
};
use tollgate_capability::testing::ManualClock;
use tollgate_stores::file::{FileIdempotency, FileIdempotencyOptions, SealingKey};
use tollgate_stores::memory::{MemoryIdempotency, MemoryIdempotencyLimits};

suite! {
    [memory, file, sealed_file]
    [
        a_claim_is_granted_once_and_others_wait_for_it,
        another_fingerprint_is_refused_in_progress_and_completed,
        a_completed_operation_is_repeated_as_it_was_stored,
        operations_are_kept_apart,
        a_retryable_operation_is_granted_again,
        a_dropped_claim_is_released,
        a_dropped_question_is_released,
        a_holder_whose_lease_ended_writes_nothing,
        a_renewed_claim_holds_for_another_lease,
        a_body_that_is_too_long_is_carried_out_again,
        a_record_is_repeated_for_its_life_and_no_longer,
        a_full_store_forgets_the_oldest_completed_and_nothing_in_progress,
        operations_that_failed_make_room_for_others,
        an_operation_that_failed_is_forgotten_after_a_day,
        a_tenant_at_its_bound_forgets_its_own_and_refuses_nobody_else,
        many_claims_at_once_grant_one,
    ]
}

const LEASE: Duration = Duration::from_secs(40);
const SECOND: Duration = Duration::from_secs(1);

/// Most records of one tenant.
const OWNER_RECORDS_MAX: usize = 100;
/// Life of completed records.
const TTL_MAX: Duration = TTL_MIN.saturating_mul(2);

/// An open store and the clock that it goes by. Completed records live for [`TTL_MAX`].
struct Bench {
    clock: Arc<ManualClock>,
    store: Arc<dyn IdempotencyStore>,
    _folder: Option<TempDir>,
}

type Open = fn(records_max: usize) -> Bench;

fn memory(records_max: usize) -> Bench {
    let clock = Arc::new(ManualClock::new());
    let limits = MemoryIdempotencyLimits {
        records_max,
        owner_records_max: OWNER_RECORDS_MAX,
        ttl: TTL_MAX,
        ..Default::default()
    };
    let store = MemoryIdempotency::new(Arc::clone(&clock) as _, limits);
    Bench { clock, store: Arc::new(store), _folder: None }
}

fn file(records_max: usize) -> Bench {
    file_with(records_max, None)
}

fn sealed_file(records_max: usize) -> Bench {
    file_with(records_max, SealingKey::new(&[7; 32]))
}

fn file_with(records_max: usize, sealing_key: Option<SealingKey>) -> Bench {
    let clock = Arc::new(ManualClock::new());
    let folder = tempfile::tempdir().expect("a folder");
    let records_max = u64::try_from(records_max).expect("a small number");
    let owner_records_max = u64::try_from(OWNER_RECORDS_MAX).expect("a small number");
    let options =
        FileIdempotencyOptions { records_max, owner_records_max, ttl: TTL_MAX, sealing_key };
    let path = folder.path().join("idempotency.redb");
    let store = FileIdempotency::open(&path, Arc::clone(&clock) as _, options).expect("it opens");
    Bench { clock, store: Arc::new(store), _folder: Some(folder) }
}

impl Bench {
    fn request(number: u32, fingerprint: u8) -> ClaimRequest {
        Self::request_of(1, number, fingerprint)
    }

    fn request_of(tenant: u8, number: u32, fingerprint: u8) -> ClaimRequest {
        let mut key = [tenant; 32];
        key[..4].copy_from_slice(&number.to_be_bytes());
        ClaimRequest {
            operation: OperationKey(Sha256Digest(key)),
            owner: RecordOwner([tenant; 16]),
            fingerprint: [fingerprint; 32],
            lease: LEASE,
        }
    }

    async fn claim(&self, number: u32, fingerprint: u8) -> ClaimOutcome {
        self.store.claim(Self::request(number, fingerprint)).get().await
    }

    async fn granted(&self, number: u32) -> Claim {
        let outcome = self.claim(number, 1).await;
        let ClaimOutcome::Claimed(claim) = outcome else {
            panic!("operation {number} is not granted: {outcome:?}")
        };
        claim
    }

    async fn completed(&self, number: u32) -> StoredReply {
        let outcome = self.claim(number, 1).await;
        let ClaimOutcome::Completed(reply) = outcome else {
            panic!("operation {number} is not completed: {outcome:?}")
        };
        reply
    }

    async fn is_in_progress(&self, number: u32) -> bool {
        matches!(self.claim(number, 1).await, ClaimOutcome::InProgress)
    }

    async fn is_reused(&self, number: u32, fingerprint: u8) -> bool {
        matches!(self.claim(number, fingerprint).await, ClaimOutcome::Reused)
    }
}

fn reply(body: &'static str) -> StoredReply {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(LOCATION, HeaderValue::from_static("/v1/deposits/1"));
    StoredReply::new(StatusCode::CREATED, &headers, Bytes::from_static(body.as_bytes()))
}

fn reply_of(bytes: usize) -> StoredReply {
    StoredReply::new(StatusCode::OK, &HeaderMap::new(), Bytes::from(vec![b'x'; bytes]))
}

async fn a_claim_is_granted_once_and_others_wait_for_it(open: Open) {
    let bench = open(100);
    let claim = bench.granted(1).await;
    assert_eq!(claim.operation(), Bench::request(1, 1).operation);
    assert_eq!(claim.fingerprint_hex(), "01".repeat(32));
    assert_eq!(claim.lease(), LEASE);
    bench.clock.advance(LEASE - SECOND);
    assert!(bench.is_in_progress(1).await);
}

async fn another_fingerprint_is_refused_in_progress_and_completed(open: Open) {
    let bench = open(100);
    let claim = bench.granted(1).await;
    assert!(bench.is_reused(1, 2).await);
    assert_eq!(claim.complete(reply("{}")).await, Completion::Stored);
    assert!(bench.is_reused(1, 2).await);
    assert_eq!(bench.completed(1).await, reply("{}"));
}

async fn a_completed_operation_is_repeated_as_it_was_stored(open: Open) {
    let bench = open(100);
    let stored = reply("{\"id\":1}");
    assert_eq!(bench.granted(1).await.complete(stored.clone()).await, Completion::Stored);
    for _ in 0..3 {
        assert_eq!(bench.completed(1).await, stored);
    }
}

async fn operations_are_kept_apart(open: Open) {
    let bench = open(100);
    let _first = bench.granted(1).await;
    let second = bench.granted(2).await;
    assert_eq!(second.complete(reply("second")).await, Completion::Stored);
    assert!(bench.is_in_progress(1).await);
    assert_eq!(bench.completed(2).await, reply("second"));
}

async fn a_retryable_operation_is_granted_again(open: Open) {
    let bench = open(100);
    bench.granted(1).await.retryable().await;
    assert!(bench.is_reused(1, 2).await);
    let again = bench.granted(1).await;
    assert!(bench.is_in_progress(1).await);
    assert_eq!(again.complete(reply("again")).await, Completion::Stored);
}

async fn a_dropped_claim_is_released(open: Open) {
    let bench = open(100);
    drop(bench.granted(1).await);
    let _again = bench.granted(1).await;
    assert!(bench.is_in_progress(1).await);
}

async fn a_dropped_question_is_released(open: Open) {
    let bench = open(100);
    drop(bench.store.claim(Bench::request(1, 1)));
    // A store may have carried the dropped question out already; then it releases the claim next.
    let mut outcome = bench.claim(1, 1).await;
    while matches!(outcome, ClaimOutcome::InProgress) {
        outcome = bench.claim(1, 1).await;
    }
    assert!(matches!(outcome, ClaimOutcome::Claimed(_)), "{outcome:?}");
}

async fn a_holder_whose_lease_ended_writes_nothing(open: Open) {
    let bench = open(100);
    let first = bench.granted(1).await;
    bench.clock.advance(LEASE);
    let second = bench.granted(1).await;
    bench.clock.advance(LEASE);
    let third = bench.granted(1).await;

    assert_eq!(first.complete(reply("first")).await, Completion::Superseded(None));
    assert!(bench.is_in_progress(1).await);
    assert_eq!(third.complete(reply("third")).await, Completion::Stored);
    let stored = Completion::Superseded(Some(reply("third")));
    assert_eq!(second.complete(reply("second")).await, stored);
    assert_eq!(bench.completed(1).await, reply("third"));
}

async fn a_renewed_claim_holds_for_another_lease(open: Open) {
    let bench = open(100);
    let claim = bench.granted(1).await;
    bench.clock.advance(LEASE - SECOND);
    claim.renew();
    // Once this is answered, the renewal before it was carried out by the old time.
    assert!(bench.is_in_progress(1).await);
    bench.clock.advance(LEASE - SECOND);
    assert!(bench.is_in_progress(1).await);
    bench.clock.advance(SECOND);
    let _taken_over = bench.granted(1).await;
}

async fn a_body_that_is_too_long_is_carried_out_again(open: Open) {
    let bench = open(100);
    let claim = bench.granted(1).await;
    assert_eq!(claim.complete(reply_of(BODY_BYTES_MAX + 1)).await, Completion::Elided);
    assert!(bench.is_reused(1, 2).await);
    let claim = bench.granted(1).await;
    assert_eq!(claim.complete(reply_of(BODY_BYTES_MAX)).await, Completion::Stored);
    assert_eq!(bench.completed(1).await.body.len(), BODY_BYTES_MAX);
}

async fn a_record_is_repeated_for_its_life_and_no_longer(open: Open) {
    let bench = open(100);
    bench.granted(1).await.complete(reply("a")).await;
    bench.clock.advance(TTL_MAX - SECOND);
    assert_eq!(bench.completed(1).await, reply("a"));
    bench.clock.advance(SECOND);
    let outcome = bench.claim(1, 2).await;
    assert!(matches!(outcome, ClaimOutcome::Claimed(_)), "{outcome:?}");
}

async fn a_full_store_forgets_the_oldest_completed_and_nothing_in_progress(open: Open) {
    let bench = open(3);
    let held = bench.granted(0).await;
    for number in [1, 2] {
        bench.granted(number).await.complete(reply("a")).await;
        bench.clock.advance(SECOND);
    }
    let second = bench.granted(3).await;
    assert_eq!(bench.completed(2).await, reply("a"));
    let third = bench.granted(1).await;

    let outcome = bench.claim(9, 1).await;
    assert!(matches!(outcome, ClaimOutcome::Unavailable), "{outcome:?}");
    for claim in [held, second, third] {
        assert_eq!(claim.complete(reply("b")).await, Completion::Stored);
    }
}

async fn operations_that_failed_make_room_for_others(open: Open) {
    let bench = open(3);
    bench.granted(1).await.complete(reply("a")).await;
    for number in 2..20 {
        bench.clock.advance(SECOND);
        bench.granted(number).await.retryable().await;
    }
    bench.granted(19).await.complete(reply("b")).await;
    assert_eq!(bench.completed(19).await, reply("b"));
}

async fn an_operation_that_failed_is_forgotten_after_a_day(open: Open) {
    let bench = open(100);
    bench.granted(1).await.retryable().await;
    bench.clock.advance(RETRYABLE_TTL - SECOND);
    assert!(bench.is_reused(1, 2).await);
    bench.clock.advance(SECOND);
    let outcome = bench.claim(1, 2).await;
    assert!(matches!(outcome, ClaimOutcome::Claimed(_)), "{outcome:?}");
}

async fn a_tenant_at_its_bound_forgets_its_own_and_refuses_nobody_else(open: Open) {
    let bench = open(1_000);
    let of = |tenant, number| bench.store.claim(Bench::request_of(tenant, number, 1)).get();
    let ClaimOutcome::Claimed(other) = of(2, 0).await else { panic!("the other tenant's") };
    other.complete(reply("other")).await;

    let bound = u32::try_from(OWNER_RECORDS_MAX).expect("a small number");
    for number in 0..2 * bound {
        bench.clock.advance(SECOND);
        bench.granted(number).await.retryable().await;
    }
    let mut held = Vec::new();
    for number in 0..bound {
        held.push(bench.granted(number).await);
    }
    let outcome = bench.claim(bound, 1).await;
    assert!(matches!(outcome, ClaimOutcome::Unavailable), "{outcome:?}");

    assert!(matches!(of(2, 0).await, ClaimOutcome::Completed(_)));
    let ClaimOutcome::Claimed(another) = of(2, 1).await else { panic!("there is room") };
    assert_eq!(another.complete(reply("another")).await, Completion::Stored);
    held.pop().expect("held").complete(reply("a")).await;
    drop(bench.granted(bound).await);
}

async fn many_claims_at_once_grant_one(open: Open) {
    let bench = open(100);
    let claims = (0..100).map(|_| bench.claim(1, 1));
    let outcomes = futures_util::future::join_all(claims).await;
    let granted = outcomes.iter().filter(|outcome| matches!(outcome, ClaimOutcome::Claimed(_)));
    assert_eq!(granted.count(), 1);
    let waiting = outcomes.iter().filter(|outcome| matches!(outcome, ClaimOutcome::InProgress));
    assert_eq!(waiting.count(), 99);
}
