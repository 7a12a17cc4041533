//! One record for each exchange, however it ends.

use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tollgate_edge::AccessLog;

use super::support::{Edge, Lines, PATIENCE};

fn logged() -> (Edge, Lines, AccessLog) {
    let lines = Lines::default();
    let log = AccessLog::start(lines.clone(), 100).unwrap();
    let edge = Edge::with(|settings| settings.access_log = Some(log.clone()));
    (edge, lines, log)
}

async fn records(lines: &Lines, count: usize) -> Vec<Value> {
    tokio::time::timeout(PATIENCE, async {
        let mut look = tokio::time::interval(Duration::from_millis(5));
        loop {
            look.tick().await;
            let all = lines.all();
            if all.len() >= count {
                return all;
            }
        }
    })
    .await
    .expect("records in time")
}

#[tokio::test]
async fn a_record_tells_what_was_asked_and_answered_without_its_secrets() {
    let (edge, lines, _log) = logged();
    let told = edge
        .ask("GET /echo?key=secret HTTP/1.1\r\nHost: A\r\nX-Request-Id: my-request-1\r\nAuthorization: secret\r\n\r\n")
        .await;
    let record = &records(&lines, 1).await[0];

    for (name, value) in [
        ("request_id", Value::from("my-request-1")),
        ("client", "127.0.0.1".into()),
        ("method", "GET".into()),
        ("authority", "a".into()),
        ("path", "/echo".into()),
        ("protocol", "HTTP/1.1".into()),
        ("tls", false.into()),
        ("status", 200.into()),
        ("complete", true.into()),
        ("route", "echo".into()),
        ("response_bytes", told.body.len().into()),
    ] {
        assert_eq!(record[name], value, "{name}");
    }

    assert!(record["duration_us"].is_u64() && record["time"].as_str().unwrap().ends_with('Z'));
    assert!(!record.to_string().contains("secret"));
}

#[tokio::test]
async fn refusals_are_recorded_with_their_code() {
    let (edge, lines, _log) = logged();
    edge.ask("GET //x HTTP/1.1\r\nHost: user:secret@a\r\n\r\n").await;
    edge.ask("GET /refused HTTP/1.1\r\nHost: a\r\n\r\n").await;
    edge.ask("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let all = records(&lines, 3).await;
    let codes: Vec<_> = all.iter().map(|record| record["code"].as_str()).collect();
    assert_eq!(codes, [Some("malformed_request"), Some("route_not_found"), None]);
    assert!(!all[0].to_string().contains("secret"));
}

#[tokio::test]
async fn a_caller_that_goes_away_and_a_body_that_breaks_are_recorded_as_incomplete() {
    let (edge, lines, _log) = logged();
    let mut stream = edge.connect().await;
    stream.write_all(b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    edge.entered().await;
    drop(stream);
    let record = records(&lines, 1).await.remove(0);
    assert_eq!((&record["status"], &record["complete"]), (&0.into(), &false.into()));

    let mut stream = edge.connect().await;
    stream.write_all(b"GET /cut HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let record = records(&lines, 2).await.remove(1);
    assert_eq!((&record["status"], &record["complete"]), (&200.into(), &false.into()));
    assert_eq!(record["internal"], "gone");
}
