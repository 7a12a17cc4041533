use super::*;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tollgate_capability::Sha256Digest;
use tollgate_capability::idempotency::{RecordOwner, TTL_MIN};
use tollgate_capability::testing::ManualClock;

const LEASE: Duration = Duration::from_secs(40);

fn store_of(records_max: usize) -> (Arc<ManualClock>, MemoryIdempotency) {
    let clock = Arc::new(ManualClock::new());
    let limits = MemoryIdempotencyLimits {
        records_max,
        owner_records_max: records_max,
        body_bytes_max: 0,
        ttl: TTL_MIN,
    };
    (Arc::clone(&clock), MemoryIdempotency::new(clock, limits))
}

async fn ask(store: &MemoryIdempotency, operation: u32) -> ClaimOutcome {
    let mut key = [0; 32];
    key[..4].copy_from_slice(&operation.to_be_bytes());
    let operation = OperationKey(Sha256Digest(key));
    store.claim(request(operation)).get().await
}

fn request(operation: OperationKey) -> ClaimRequest {
    ClaimRequest { operation, owner: RecordOwner([1; 16]), fingerprint: [1; 32], lease: LEASE }
}

async fn granted(store: &MemoryIdempotency, operation: u32) -> Claim {
    let ClaimOutcome::Claimed(claim) = ask(store, operation).await else { panic!("{operation}") };
    claim
}

fn reply(bytes: usize) -> StoredReply {
    StoredReply::new(StatusCode::CREATED, &HeaderMap::new(), Bytes::from(vec![7; bytes]))
}

#[tokio::test]
async fn a_store_full_of_operations_in_progress_is_unavailable_and_evicts_none() {
    let (_, store) = store_of(3);
    let mut held = Vec::new();
    for operation in 0..3 {
        held.push(granted(&store, operation).await);
    }
    assert!(matches!(ask(&store, 9).await, ClaimOutcome::Unavailable));
    for operation in 0..3 {
        assert!(matches!(ask(&store, operation).await, ClaimOutcome::InProgress));
    }
    held.remove(1).complete(reply(1)).await;
    let _nine = granted(&store, 9).await;
    assert!(matches!(ask(&store, 0).await, ClaimOutcome::InProgress));
    assert_eq!(store.records(), 3);
}

#[tokio::test]
async fn the_bounds_hold_over_all_shards() {
    let clock = Arc::new(ManualClock::new());
    let (records_max, owner_records_max) = (2_048, 2_048);
    let limits = MemoryIdempotencyLimits { records_max, owner_records_max, ..Default::default() };
    let store = MemoryIdempotency::new(clock, limits);
    assert_eq!(store.shards.len(), 4);
    for operation in 0..10_000_u32 {
        let operation = OperationKey(Sha256Digest::of(&operation.to_be_bytes()));
        let (request, again) = (request(operation), request(operation));
        let ClaimOutcome::Claimed(claim) = store.claim(request).get().await else { panic!("new") };
        assert_eq!(claim.complete(reply(1)).await, Completion::Stored);
        assert!(matches!(store.claim(again).get().await, ClaimOutcome::Completed(_)));
    }
    assert_eq!(store.records(), 2_048);
    store.clear();
    assert_eq!(store.records(), 0);
}

#[tokio::test]
async fn bodies_are_bounded_together_and_the_oldest_goes_first() {
    let (_, store) = store_of(100);
    for operation in 0..3 {
        let claim = granted(&store, operation).await;
        assert_eq!(claim.complete(reply(BODY_BYTES_MAX / 2)).await, Completion::Stored);
    }
    assert!(matches!(ask(&store, 2).await, ClaimOutcome::Completed(_)));
    assert!(matches!(ask(&store, 1).await, ClaimOutcome::Completed(_)));
    let _again = granted(&store, 0).await;
}

#[tokio::test]
async fn completed_records_leave_after_their_life() {
    let (clock, store) = store_of(100);
    for operation in 0..5 {
        granted(&store, operation).await.complete(reply(1)).await;
    }
    clock.advance(TTL_MIN);
    let _other = granted(&store, 9).await;
    assert_eq!(store.records(), 1);
}

#[tokio::test]
async fn an_operation_that_is_retried_for_ever_does_not_grow_the_store() {
    let (_, store) = store_of(100);
    granted(&store, 0).await.complete(reply(1)).await;
    for _ in 0..1_000 {
        granted(&store, 1).await.retryable().await;
    }
    let [shard] = &*store.shards else { panic!("a small store is a single shard") };
    let (all, of_owner) = shard.records.lock().queued();
    assert!(all <= 2 * 2 + 17 && of_owner <= 2 * 2 + 17, "{all}, {of_owner}");
    assert!(matches!(ask(&store, 0).await, ClaimOutcome::Completed(_)));
}
