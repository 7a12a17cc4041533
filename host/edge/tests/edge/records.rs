//! One record for each exchange, however it ends.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tollgate_edge::AccessLog;

use super::support::{Edge, Lines, PATIENCE, http2_client, post};

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
async fn heads_that_the_parser_refuses_are_answered_with_a_problem_and_recorded() {
    let (edge, lines, _log) = logged();
    let refused = [
        ("GET / HTTP/1.1\r\nHost: a\r\nx: a\0b\r\n\r\n".to_owned(), 400, "malformed_request"),
        ("GET / HTTP/1.1\r\nHost: a\r\nx: a\r\n b\r\n\r\n".to_owned(), 400, "malformed_request"),
        (post("/", "Content-Length: 2\r\n", 1), 400, "malformed_request"),
        ("\u{7f}\r\n\r\n".to_owned(), 400, "malformed_request"),
        (format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(90_000)), 431, "head_too_large"),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(90_000)), 431, "head_too_large"),
    ];

    for (index, (request, status, code)) in refused.iter().enumerate() {
        let answer = edge.ask(request).await;
        assert_eq!(answer.status, *status, "{answer:?}");
        assert!(answer.has("connection: close") && answer.has("x-content-type-options: nosniff"));
        assert!(answer.head.lines().any(|line| line.starts_with("date: ")), "{}", answer.head);
        let problem = answer.json();
        assert_eq!(problem["code"], *code);

        let record = records(&lines, index + 1).await.remove(index);
        assert_eq!(record["request_id"], problem["request_id"], "{record}");
        assert_eq!((&record["status"], &record["code"]), (&(*status).into(), &(*code).into()));
        assert_eq!(record["client"], "127.0.0.1");
        assert!(record["internal"].as_str().is_some_and(|reason| !reason.is_empty()), "{record}");
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_and_a_body_that_breaks_are_recorded_as_incomplete() {
    let (edge, lines, _log) = logged();
    let (mut client, driving) = http2_client(edge.connect().await).await;
    let request = Request::get("http://a/held").body(Full::<Bytes>::default()).unwrap();
    let asking = tokio::spawn(client.send_request(request));
    edge.entered().await;
    driving.abort();
    asking.abort();
    let record = records(&lines, 1).await.remove(0);
    assert_eq!((&record["status"], &record["complete"]), (&0.into(), &false.into()));

    let mut stream = edge.connect().await;
    stream.write_all(b"GET /cut HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let record = records(&lines, 2).await.remove(1);
    assert_eq!((&record["status"], &record["complete"]), (&200.into(), &false.into()));
    assert_eq!(record["internal"], "gone");
}
