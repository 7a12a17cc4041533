use super::*;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use tempfile::TempDir;
use tollgate_capability::Sha256Digest;
use tollgate_capability::idempotency::{Claim, OperationKey};
use tollgate_capability::testing::ManualClock;

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
    OperationKey(Sha256Digest(key))
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
    assert!(matches!(error, Error::SealingKey { .. }));
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
    assert!(matches!(second, Err(Error::IdempotencyDatabase { .. })));
}
