//! The ends of messages and of connections: no next request is lost without a word.

use tokio::io::AsyncWriteExt;

use super::support::{Edge, post, read, read_to_end};

const NEXT: &str = "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn a_caller_that_closed_its_sending_side_gets_its_answer() {
    let edge = Edge::start();
    for request in [
        "GET /held HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned(),
        "GET /held HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        post("/held", "", 2) + "ab",
    ] {
        let mut stream = edge.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        edge.entered().await;
        edge.echo.release.add_permits(1);
        assert_eq!(read(&mut stream).await.body, "held", "{request}");
        assert!(read_to_end(&mut stream).await.is_empty());
    }
}

#[tokio::test]
async fn a_body_that_is_cut_off_by_the_end_of_sending_is_incomplete() {
    let edge = Edge::start();
    let mut stream = edge.connect().await;
    stream.write_all((post("/echo", "", 10) + "half").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let answer = read(&mut stream).await;
    assert_eq!((answer.status, &answer.json()["code"]), (400, &"body_incomplete".into()));
}

#[tokio::test]
async fn an_answer_that_overtakes_a_large_body_says_that_the_connection_ends() {
    let edge = Edge::start();
    for (path, fields) in [("/refused", ""), ("/unread", ""), ("//", "")] {
        let mut stream = edge.connect().await;
        stream.write_all(post(path, fields, 300_000).as_bytes()).await.unwrap();
        let answer = read(&mut stream).await;
        assert!(answer.has("connection: close"), "{path}: {}", answer.head);
        assert!(read_to_end(&mut stream).await.is_empty());
    }
}

#[tokio::test]
async fn an_answer_instead_of_a_continue_says_that_the_connection_ends() {
    let edge = Edge::start();
    let mut stream = edge.connect().await;
    let request = post("/refused", "Expect: 100-continue\r\n", 2);
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = read(&mut stream).await;
    assert_eq!(answer.status, 404);
    assert!(answer.has("connection: close"), "{}", answer.head);
}

#[tokio::test]
async fn an_answer_without_the_rest_of_a_body_says_that_the_connection_ends() {
    let edge = Edge::start();
    for (fields, body) in
        [("Content-Length: 5\r\n", "ab"), ("Transfer-Encoding: chunked\r\n", "1\r\na\r\n")]
    {
        let mut stream = edge.connect().await;
        let request = format!("POST /refused HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read(&mut stream).await;
        assert!(answer.has("connection: close"), "{fields}: {}", answer.head);
    }
}

#[tokio::test]
async fn a_request_after_a_refused_one_with_a_body_is_never_lost() {
    let edge = Edge::start();
    for (fields, body) in [
        ("Content-Length: 5\r\n".to_owned(), "abcde".to_owned()),
        ("Content-Length: 60000\r\n".to_owned(), "a".repeat(60_000)),
        ("Transfer-Encoding: chunked\r\n".to_owned(), "1\r\na\r\n0\r\n\r\n".to_owned()),
    ] {
        for _ in 0..20 {
            let mut stream = edge.connect().await;
            let head = format!("POST /refused HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            tokio::task::yield_now().await;
            stream.write_all(body.as_bytes()).await.unwrap();

            let answer = read(&mut stream).await;
            assert_eq!(answer.status, 404);
            if !answer.has("connection: close") {
                stream.write_all(NEXT.as_bytes()).await.unwrap();
                assert_eq!(read(&mut stream).await.status, 200, "{fields}");
            }
        }
    }
}

#[tokio::test]
async fn a_small_body_that_is_there_already_does_not_cost_the_connection() {
    let edge = Edge::start();
    let mut stream = edge.connect().await;
    for _ in 0..3 {
        let request = post("/refused", "", 5) + "abcde" + NEXT;
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read(&mut stream).await;
        assert_eq!(answer.status, 404);
        assert!(!answer.has("connection: close"), "{}", answer.head);
        assert_eq!(read(&mut stream).await.status, 200);
    }
}

#[tokio::test]
async fn after_a_refused_framing_nothing_more_is_read_from_the_connection() {
    let edge = Edge::start();
    for (fields, status) in [
        ("Transfer-Encoding: gzip, chunked\r\n", 501),
        ("Transfer-Encoding: chunked, chunked\r\n", 400),
        ("Transfer-Encoding: ,chunked\r\n", 400),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
    ] {
        let mut stream = edge.connect().await;
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n0\r\n\r\n{NEXT}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read(&mut stream).await;
        assert_eq!(answer.status, status, "{fields}");
        assert!(answer.has("connection: close"), "{fields}: {}", answer.head);
        assert!(read_to_end(&mut stream).await.is_empty(), "{fields}: the next one was answered");
    }

    let mut stream = edge.connect().await;
    let request = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 01\r\n\r\na{NEXT}");
    stream.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(read(&mut stream).await.status, 400);
    assert!(read_to_end(&mut stream).await.is_empty());
}
