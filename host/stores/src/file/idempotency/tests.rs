use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use tempfile::TempDir;
use tollgate_capability::Sha256Digest;
use tollgate_capability::idempotency::{Claim, OperationKey, RecordOwner};
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
    let (operation, owner) = (operation(number), RecordOwner([1; 16]));
    let request = ClaimRequest { operation, owner, fingerprint, lease: LEASE };
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

/// A disk on which nothing more can be written while it is full.
#[derive(Debug)]
struct Disk {
    file: redb::backends::FileBackend,
    full: Arc<AtomicBool>,
}

impl Disk {
    fn room(&self) -> std::io::Result<()> {
        match self.full.load(Ordering::SeqCst) {
            true => Err(std::io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }
}

impl redb::StorageBackend for Disk {
    fn len(&self) -> std::io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.room()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.room()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.room()?;
        self.file.write(offset, data)
    }
}

#[tokio::test]
async fn after_a_full_disk_records_are_written_again_and_none_is_lost() {
    let bench = Bench::new();
    let path = bench.folder.path().join("idempotency.redb");
    let full = Arc::new(AtomicBool::new(false));
    let (file, disk) = (path.clone(), Arc::clone(&full));
    let open = Box::new(move || {
        let handle = private(&file).map_err(redb::StorageError::Io)?;
        let file = redb::backends::FileBackend::new(handle)?;
        Ok(redb::Builder::new().create_with_backend(Disk { file, full: Arc::clone(&disk) })?)
    });
    let clock = Arc::clone(&bench.clock) as Arc<dyn Clock>;
    let options = FileIdempotencyOptions::default();
    let store = FileIdempotency::open_with(open, &path, clock, options).expect("it opens");
    granted(&store, 1).await.complete(reply("{}")).await;
    let held = granted(&store, 2).await;
    assert!(store.health().is_working());

    full.store(true, Ordering::SeqCst);
    for number in 3..6 {
        assert!(matches!(ask(&store, number, 1).await, ClaimOutcome::Unavailable));
        assert!(!store.health().is_working());
    }

    full.store(false, Ordering::SeqCst);
    let third = granted(&store, 3).await;
    assert!(store.health().is_working());
    assert_eq!(completed(&store, 1).await, reply("{}"));
    assert!(matches!(ask(&store, 2, 1).await, ClaimOutcome::InProgress));
    for claim in [held, third] {
        assert_eq!(claim.complete(reply("{}")).await, Completion::Stored);
    }
}

#[tokio::test]
async fn the_bound_of_an_owner_holds_in_the_next_process() {
    let bench = Bench::new();
    let options = || FileIdempotencyOptions { owner_records_max: 2, ..Default::default() };
    let store = bench.open(options());
    for number in 1..=2 {
        granted(&store, number).await.complete(reply("{}")).await;
        bench.clock.advance(Duration::from_secs(1));
    }
    store.close();

    let next = bench.open(options());
    let _third = granted(&next, 3).await;
    assert_eq!(completed(&next, 2).await, reply("{}"));
    let _first_again = granted(&next, 1).await;
    assert!(matches!(ask(&next, 2, 1).await, ClaimOutcome::Unavailable), "it made room for 1");
}
