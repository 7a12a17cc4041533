use super::*;
use crate::idempotency::{BODY_BYTES_MAX, Claim, OperationKey};
use crate::testing::ManualClock;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use tempfile::TempDir;

const LEASE: Duration = Duration::from_secs(40);

struct Bench {
    folder: TempDir,
    clock: Arc<ManualClock>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, clock: Arc::new(ManualClock::new()) }
    }

    fn open(&self, options: FileIdempotencyOptions) -> FileIdempotency {
        let path = self.folder.path().join("idempotency.redb");
        FileIdempotency::open(&path, Arc::clone(&self.clock) as _, options).expect("it opens")
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.folder.path().join("idempotency.redb")).expect("the file")
    }
}

fn operation(number: u32) -> OperationKey {
    let mut key = [0; 32];
    key[..4].copy_from_slice(&number.to_be_bytes());
    OperationKey(key)
}

async fn ask(store: &FileIdempotency, number: u32, fingerprint: u8) -> ClaimOutcome {
    let fingerprint = [fingerprint; 32];
    let request = ClaimRequest { operation: operation(number), fingerprint, lease: LEASE };
    store.claim(request).get().await
}

async fn granted(store: &FileIdempotency, number: u32) -> Claim {
    let ClaimOutcome::Claimed(claim) = ask(store, number, 1).await else { panic!("{number}") };
    claim
}

async fn completed(store: &FileIdempotency, number: u32) -> StoredReply {
    let ClaimOutcome::Completed(reply) = ask(store, number, 1).await else { panic!("{number}") };
    reply
}

fn reply(body: &'static str) -> StoredReply {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    StoredReply::new(StatusCode::CREATED, &headers, Bytes::from_static(body.as_bytes()))
}

#[tokio::test]
async fn a_completed_operation_is_repeated_by_the_next_process() {
    let bench = Bench::new();
    let store = bench.open(FileIdempotencyOptions::default());
    let claim = granted(&store, 1).await;
    assert!(matches!(ask(&store, 1, 1).await, ClaimOutcome::InProgress));
    assert!(matches!(ask(&store, 1, 2).await, ClaimOutcome::Reused));
    assert_eq!(claim.complete(reply("{\"id\":1}")).await, Completion::Stored);
    assert_eq!(completed(&store, 1).await, reply("{\"id\":1}"));
    store.close();
    assert!(matches!(ask(&store, 1, 1).await, ClaimOutcome::Unavailable));
    let next = bench.open(FileIdempotencyOptions::default());
    assert_eq!(completed(&next, 1).await, reply("{\"id\":1}"));
    assert!(matches!(ask(&next, 1, 2).await, ClaimOutcome::Reused));
}

#[tokio::test]
async fn what_a_former_process_was_carrying_out_is_carried_out_again_and_fenced() {
    let bench = Bench::new();
    let store = bench.open(FileIdempotencyOptions::default());
    let orphan = granted(&store, 1).await;
    store.close();
    let next = bench.open(FileIdempotencyOptions::default());
    assert!(matches!(ask(&next, 1, 2).await, ClaimOutcome::Reused));
    let claim = granted(&next, 1).await;
    assert_eq!(orphan.complete(reply("old")).await, Completion::Unavailable);
    assert_eq!(claim.complete(reply("new")).await, Completion::Stored);
    assert_eq!(completed(&next, 1).await, reply("new"));
}

#[tokio::test]
async fn a_holder_that_was_taken_over_gets_the_stored_reply() {
    let bench = Bench::new();
    let store = bench.open(FileIdempotencyOptions::default());
    let slow = granted(&store, 1).await;
    bench.clock.advance(LEASE);
    let other = granted(&store, 1).await;
    assert_eq!(slow.complete(reply("slow")).await, Completion::Superseded(None));
    assert_eq!(other.complete(reply("other")).await, Completion::Stored);
    assert_eq!(completed(&store, 1).await, reply("other"));
}

#[tokio::test]
async fn a_renewed_claim_holds_for_another_lease() {
    let bench = Bench::new();
    let store = bench.open(FileIdempotencyOptions::default());
    let claim = granted(&store, 1).await;
    bench.clock.advance(LEASE - Duration::from_secs(1));
    claim.renew();
    // Answered after the renewal, which stands before it in the queue.
    assert!(matches!(ask(&store, 1, 1).await, ClaimOutcome::InProgress));
    bench.clock.advance(LEASE - Duration::from_secs(1));
    assert!(matches!(ask(&store, 1, 1).await, ClaimOutcome::InProgress));
}

#[tokio::test]
async fn a_dropped_claim_and_a_dropped_question_are_released() {
    let bench = Bench::new();
    let store = bench.open(FileIdempotencyOptions::default());
    drop(granted(&store, 1).await);
    let _again = granted(&store, 1).await;
    let request = ClaimRequest { operation: operation(2), fingerprint: [1; 32], lease: LEASE };
    drop(store.claim(request));
    let mut outcome = ask(&store, 2, 1).await;
    while matches!(outcome, ClaimOutcome::InProgress) {
        outcome = ask(&store, 2, 1).await;
    }
    assert!(matches!(outcome, ClaimOutcome::Claimed(_)), "{outcome:?}");
}

#[tokio::test]
async fn a_body_that_is_too_long_is_not_stored_and_the_operation_is_carried_out_again() {
    let bench = Bench::new();
    let store = bench.open(FileIdempotencyOptions::default());
    let long =
        |bytes| StoredReply::new(StatusCode::OK, &HeaderMap::new(), Bytes::from(vec![b'x'; bytes]));
    let claim = granted(&store, 1).await;
    assert_eq!(claim.complete(long(BODY_BYTES_MAX + 1)).await, Completion::Elided);
    assert!(matches!(ask(&store, 1, 2).await, ClaimOutcome::Reused));
    let claim = granted(&store, 1).await;
    assert_eq!(claim.complete(long(BODY_BYTES_MAX)).await, Completion::Stored);
    assert_eq!(completed(&store, 1).await.body.len(), BODY_BYTES_MAX);
}

#[tokio::test]
async fn records_leave_after_their_life_and_no_earlier() {
    let bench = Bench::new();
    let store = bench.open(FileIdempotencyOptions { ttl: TTL_MIN, ..Default::default() });
    granted(&store, 1).await.complete(reply("a")).await;
    bench.clock.advance(TTL_MIN - Duration::from_secs(1));
    assert_eq!(completed(&store, 1).await, reply("a"));
    bench.clock.advance(Duration::from_secs(1));
    let other_body = ask(&store, 1, 2).await;
    assert!(matches!(other_body, ClaimOutcome::Claimed(_)), "{other_body:?}");
}

#[tokio::test]
async fn a_full_file_forgets_the_oldest_completed_and_never_what_is_in_progress() {
    let bench = Bench::new();
    let store = bench.open(FileIdempotencyOptions { records_max: 3, ..Default::default() });
    let held = granted(&store, 0).await;
    for number in 1..3 {
        granted(&store, number).await.complete(reply("a")).await;
        bench.clock.advance(Duration::from_secs(1));
    }
    let second = granted(&store, 3).await;
    assert_eq!(completed(&store, 2).await, reply("a"));
    let third = granted(&store, 1).await;
    assert!(matches!(ask(&store, 9, 1).await, ClaimOutcome::Unavailable));
    for claim in [held, second, third] {
        assert_eq!(claim.complete(reply("b")).await, Completion::Stored);
    }
}

#[tokio::test]
async fn sealed_replies_do_not_lie_open_in_the_file() {
    let secret = "{\"iban\":\"DE00123456789\"}";
    for (is_sealed, sealing_key) in [(false, None), (true, SealingKey::new(&[7; 32]))] {
        let bench = Bench::new();
        let store = bench.open(FileIdempotencyOptions { sealing_key, ..Default::default() });
        granted(&store, 1).await.complete(reply(secret)).await;
        assert_eq!(completed(&store, 1).await, reply(secret));
        store.close();
        let open = bench.bytes().windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
        assert_eq!(open, !is_sealed);
        // With another key the reply is gone, and the operation is carried out again.
        let sealing_key = SealingKey::new(&[8; 32]);
        let next = bench.open(FileIdempotencyOptions { sealing_key, ..Default::default() });
        drop(granted(&next, 1).await);
    }
}

#[test]
fn a_sealing_key_is_made_once_and_kept_from_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("key");
    SealingKey::load_or_create(&path).expect("made");
    let made = std::fs::read(&path).expect("the file");
    assert_eq!(made.len(), 32);
    SealingKey::load_or_create(&path).expect("loaded");
    assert_eq!(std::fs::read(&path).expect("the file"), made);
    std::fs::write(&path, b"short").expect("written");
    let error = SealingKey::load_or_create(&path).expect_err("too short");
    assert!(matches!(error, OpenError::SealingKey { .. }));
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_alone_and_one_process_s_at_a_time() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    let _store = bench.open(FileIdempotencyOptions::default());
    let path = bench.folder.path().join("idempotency.redb");
    let mode = std::fs::metadata(&path).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let second = FileIdempotency::open(&path, clock, FileIdempotencyOptions::default());
    assert!(matches!(second, Err(OpenError::Database { .. })));
}

#[tokio::test]
async fn many_claims_at_once_grant_one() {
    let bench = Bench::new();
    let store = bench.open(FileIdempotencyOptions::default());
    let asked: Vec<_> = (0..100).map(|_| ask(&store, 1, 1)).collect();
    let outcomes = futures_util::future::join_all(asked).await;
    let claims = outcomes.iter().filter(|outcome| matches!(outcome, ClaimOutcome::Claimed(_)));
    assert_eq!(claims.count(), 1);
    let waiting = outcomes.iter().filter(|outcome| matches!(outcome, ClaimOutcome::InProgress));
    assert_eq!(waiting.count(), 99);
}
