use http::StatusCode;
use tollgate_chain::{
    Acting, Answer, Failure, Hook, Question, ReceiptEntry, RequestRead, Trace, Verdict,
};

use super::*;
use crate::testing;

fn settings(folder_toml: &str) -> Settings {
    let folder = tempfile::tempdir().unwrap();
    let listener = "[chains.open]\npolicies = []\n[listeners.main]\naddress = \"127.0.0.1:0\"\n\
                    chain = \"open\"\n";
    std::fs::write(folder.path().join("a.toml"), format!("{listener}{folder_toml}")).unwrap();
    tollgate_config::load(folder.path()).unwrap().receipts()
}

fn kept(request_id: &str, retention: RetentionClass) -> ReceiptRecord {
    let mut trace = Trace::new();
    trace.push(Question::from(RequestRead::MethodIs("GET".into())), Answer::Bool(true));
    let receipt = testing::receipt(trace, Verdict::Proceed);
    ReceiptRecord { retention, request_id: request_id.into(), ..receipt }
}

fn answer(status: u16) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

const NOBODY: ExchangeEnding = ExchangeEnding { by_policy: false, by_upstream: false };

#[test]
fn a_flood_of_refusals_pushes_out_no_failure_and_no_pass() {
    let receipts = ReceiptLog::new(settings("[receipts]\nentries_max = 30\n"));
    receipts.keep(kept("failure", RetentionClass::Failures));
    receipts.keep(kept("pass", RetentionClass::Passes));
    for index in 0..1_000 {
        receipts.keep(kept(&format!("refusal-{index}"), RetentionClass::Refusals));
    }
    assert!(receipts.find("failure").is_some() && receipts.find("pass").is_some());
    assert!(receipts.find("refusal-989").is_none() && receipts.find("refusal-990").is_some());
    assert_eq!(receipts.newest(100, |_| true).len(), 12);
}

#[test]
fn bytes_bound_a_lane_as_entries_do() {
    let receipts = ReceiptLog::new(settings("[receipts]\nentries_max = 900000\n"));
    for index in 0..30_000 {
        receipts.keep(kept(&format!("{index}"), RetentionClass::Passes));
    }
    let all = receipts.newest(usize::MAX, |_| true);
    let bytes: usize = all.iter().map(|kept| kept.weight()).sum();
    assert!(bytes <= (16 << 20) / 3, "{bytes}");
    assert!(all.len() > 1_000, "{}", all.len());
}

#[test]
fn the_newest_of_a_repeated_id_is_found_and_the_others_are_counted() {
    let receipts = ReceiptLog::new(settings(""));
    receipts.keep(kept("again", RetentionClass::Refusals));
    receipts.keep(kept("other", RetentionClass::Passes));
    receipts.keep(kept("again", RetentionClass::Passes));
    let (newest, found) = receipts.find("again").unwrap();
    assert_eq!((newest.sequence, found), (3, 2));
    assert!(receipts.find("none").is_none());
    let after: Vec<u64> = receipts.since(1, 9).iter().map(|kept| kept.sequence).collect();
    assert_eq!(after, [2, 3]);
}

#[test]
fn refusals_and_failures_are_always_wanted_and_passes_one_in_so_many() {
    let receipts = ReceiptLog::new(settings("[receipts]\nsample_every = 10\n"));
    let none = Receipt::default();
    let by_policy = ExchangeEnding { by_policy: true, ..NOBODY };
    assert_eq!(receipts.wants(&none, &answer(403), by_policy), Some(RetentionClass::Refusals));
    assert_eq!(receipts.wants(&none, &answer(503), by_policy), Some(RetentionClass::Failures));

    let passes = (0..100).filter_map(|_| receipts.wants(&none, &answer(200), NOBODY)).count();
    assert_eq!(passes, 10);

    // What an upstream says is no refusal of ours.
    let upstream = (0..100).filter_map(|_| receipts.wants(&none, &answer(404), NOBODY)).count();
    assert_eq!(upstream, 10);

    let mut failed = Receipt::default();
    let outcome = Err(Failure::Time);
    let decision = Decision::Ran { trace: Trace::new(), fed: 0, outcome, lesson: None };
    let took = Duration::ZERO;
    failed.entries.push(ReceiptEntry {
        policy: "a",
        index: 0,
        hook: Hook::Request,
        acting: Acting::Current,
        decision,
        took,
    });
    assert_eq!(receipts.wants(&failed, &answer(200), NOBODY), Some(RetentionClass::Failures));
}

#[test]
fn switched_off_nothing_is_wanted_and_nothing_stays() {
    let receipts = ReceiptLog::new(settings(""));
    receipts.keep(kept("one", RetentionClass::Failures));
    receipts.configure(settings("[receipts]\non = false\n"));
    assert!(receipts.find("one").is_none());
    let by_policy = ExchangeEnding { by_policy: true, ..NOBODY };
    assert_eq!(receipts.wants(&Receipt::default(), &answer(403), by_policy), None);
}

#[tokio::test]
async fn a_lease_is_ended_by_the_watch_and_a_later_one_too() {
    let receipts = ReceiptLog::new(settings("[receipts]\nsample_every = 50\n"));
    let every = || receipts.0.every.load(Ordering::Relaxed);
    let watch = tokio::spawn(receipts.clone().watch_leases());
    for _ in 0..2 {
        receipts.lease(1);
        assert_eq!(every(), 1);
        *receipts.0.lease.lock() = Some((1, Instant::now()));
        let ended = async {
            while every() == 1 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap();
        assert_eq!(every(), 50);
    }
    assert!(!watch.is_finished());
    watch.abort();
}

#[test]
fn a_recorders_lease_lapses_and_never_lowers_what_is_configured() {
    let receipts = ReceiptLog::new(settings("[receipts]\nsample_every = 50\n"));
    let every = |receipts: &ReceiptLog| receipts.0.every.load(Ordering::Relaxed);
    receipts.lease(1_000);
    assert_eq!(every(&receipts), 50);
    receipts.lease(1);
    assert_eq!(every(&receipts), 1);
    // What is reloaded meanwhile takes effect when the lease ends.
    receipts.configure(settings("[receipts]\nsample_every = 20\n"));
    assert_eq!(every(&receipts), 1);
    *receipts.0.lease.lock() = Some((1, Instant::now()));
    assert!(receipts.lapse().is_none());
    assert_eq!(every(&receipts), 20);
}
