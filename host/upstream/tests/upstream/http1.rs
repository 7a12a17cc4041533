//! HTTP/1.1: what is written on the wire, and how connections are kept.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::{HeaderMap, HeaderValue, Request};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tollgate_chain::Error;
use tollgate_upstream::{Safety, SendBounds, Upstream, WireProtocol};

use crate::SendBytes as _;
use crate::server::{Gate, Server, get, read, read_head, settings, soon, text, until};

/// A server that answers each request with the head it got.
async fn mirror() -> Server {
    Server::script(|seen, mut stream, _| async move {
        while let Some(head) = read_head(&mut stream).await {
            seen.request();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{head}", head.len());
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await
}

/// A server that answers each request with these bytes.
async fn says(answer: &'static str) -> Server {
    Server::script(move |seen, mut stream, _| async move {
        while read_head(&mut stream).await.is_some() {
            seen.request();
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_request_goes_out_in_origin_form_with_the_endpoints_host_and_without_hop_by_hop_fields() {
    let server = mirror().await;
    let upstream = server.upstream(WireProtocol::Http);
    let request = Request::get("http://elsewhere:1/a/b?c=d")
        .version(http::Version::HTTP_2)
        .header("connection", "x-gone")
        .header("x-gone", "1")
        .header("te", "trailers")
        .header("expect", "100-continue")
        .header("accept", "*/*")
        .body(Bytes::new())
        .unwrap();
    let head =
        read(upstream.send_bytes(request, SendBounds::new(soon(), Safety::Once)).await.unwrap())
            .await;
    let host = format!("host: {}", server.address);
    let mut lines: Vec<_> = head.trim_end().split("\r\n").collect();
    lines.sort_unstable();
    assert_eq!(lines, ["GET /a/b?c=d HTTP/1.1", "accept: */*", &host]);
}

#[tokio::test]
async fn a_host_that_the_caller_chose_is_kept() {
    let server = mirror().await;
    let upstream = server.upstream(WireProtocol::Http);
    let mut request = get("/");
    request.headers_mut().insert("host", HeaderValue::from_static("chosen.example"));
    let head =
        read(upstream.send_bytes(request, SendBounds::new(soon(), Safety::Once)).await.unwrap())
            .await;
    assert!(head.contains("host: chosen.example\r\n"), "{head}");
    assert_eq!(head.matches("host:").count(), 1);
}

#[tokio::test]
async fn requests_one_after_another_share_one_connection() {
    let server = Server::start(|_| async { text("hello") }).await;
    let upstream = server.upstream(WireProtocol::Http);
    for _ in 0..50 {
        let answer =
            upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap();
        assert_eq!(read(answer).await, "hello");
    }
    assert_eq!((server.seen.connections(), server.seen.requests()), (1, 50));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_shared_on_several_threads_too_whatever_the_answers_framing() {
    let server = Server::start(|request| async move {
        match request.uri().path() {
            "/empty" => crate::server::status(204),
            "/large" => text(vec![b'x'; 300_000]),
            _ => {
                let parts = [Ok(Frame::data(Bytes::from("a"))), Ok(Frame::data(Bytes::from("b")))];
                let body = StreamBody::new(futures_util::stream::iter(parts));
                http::Response::new(BodyExt::boxed(body))
            }
        }
    })
    .await;

    let upstream = server.upstream(WireProtocol::Http);

    for round in 0..300 {
        let (path, size) = [("/empty", 0), ("/large", 300_000), ("/chunked", 2)][round % 3];
        let answer =
            upstream.send_bytes(get(path), SendBounds::new(soon(), Safety::Once)).await.unwrap();
        assert_eq!(read(answer).await.len(), size);
    }

    assert_eq!((server.seen.connections(), server.seen.requests()), (1, 300));
}

#[tokio::test]
async fn a_thousand_requests_at_once_share_the_connections_that_are_allowed() {
    let server = Server::start(|_| async { text("hello") }).await;
    let mut settings = settings(WireProtocol::Http, &[server.endpoint()]);
    settings.connections_max = 8;
    let upstream = Upstream::new(settings).unwrap();
    let mut requests: FuturesUnordered<_> = (0..1_000)
        .map(|_| async {
            read(
                upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap(),
            )
            .await
        })
        .collect();
    while let Some(answer) = requests.next().await {
        assert_eq!(answer, "hello");
    }
    assert_eq!(server.seen.requests(), 1_000);
    assert!(server.seen.peak.load(Ordering::SeqCst) <= 8);
}

#[tokio::test]
async fn waiting_for_a_connection_ends_with_the_deadline_and_the_place_is_found_again() {
    let gate = Gate::new();
    let server = {
        let gate = gate.clone();
        Server::start(move |_| {
            let gate = gate.clone();
            async move {
                gate.pass().await;
                text("late")
            }
        })
        .await
    };

    let mut settings = settings(WireProtocol::Http, &[server.endpoint()]);
    settings.connections_max = 1;
    let upstream = Arc::new(Upstream::new(settings).unwrap());
    let first = tokio::spawn({
        let upstream = upstream.clone();
        async move {
            read(
                upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap(),
            )
            .await
        }
    });
    until("the first request arrives", || server.seen.requests() == 1).await;
    let deadline = Instant::now() + Duration::from_millis(50);
    let second = upstream.send_bytes(get("/"), SendBounds::new(deadline, Safety::Once)).await;
    assert_eq!(second.unwrap_err(), Error::UpstreamTimeout);
    gate.open();
    assert_eq!(first.await.unwrap(), "late");
    assert_eq!(
        read(upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap())
            .await,
        "late"
    );

    assert_eq!(server.seen.connections(), 1);
}

#[tokio::test]
async fn an_answer_that_is_dropped_unread_costs_its_connection_and_frees_its_place() {
    let server = Server::start(|_| async { text(vec![b'x'; 8 << 20]) }).await;
    let mut settings = settings(WireProtocol::Http, &[server.endpoint()]);
    settings.connections_max = 1;
    let upstream = Upstream::new(settings).unwrap();
    for _ in 0..3 {
        drop(upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap());
    }
    assert_eq!(server.seen.connections(), 3);
    until("the connections are closed", || server.seen.open.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn of_two_lengths_only_the_chunks_count_and_no_hop_by_hop_field_comes_back() {
    let server = says(
        "HTTP/1.1 200 OK\r\ncontent-length: 99\r\ntransfer-encoding: chunked\r\n\
         connection: keep-alive, x-gone\r\nx-gone: 1\r\nkeep-alive: timeout=5\r\nx-kept: 1\r\n\r\n\
         2\r\nhi\r\n0\r\n\r\n",
    )
    .await;
    let upstream = server.upstream(WireProtocol::Http);
    for _ in 0..2 {
        let answer =
            upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap();
        let names: Vec<_> = answer.headers().keys().map(|name| name.as_str().to_owned()).collect();
        assert_eq!(names, ["x-kept"]);
        assert_eq!(read(answer).await, "hi");
    }
}

#[tokio::test]
async fn trailers_come_through_stripped_as_a_head_is() {
    let server = says(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
         2\r\nhi\r\n0\r\nx-sum: 7\r\nconnection: close\r\nx-tenant-id: t\r\n\r\n",
    )
    .await;
    let upstream = server.upstream(WireProtocol::Http);
    let answer =
        upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap();
    let collected = answer.into_body().collect().await.unwrap();
    let trailers = collected.trailers().unwrap();
    let names: Vec<_> = trailers.keys().map(http::HeaderName::as_str).collect();
    assert_eq!((names, &trailers["x-sum"]), (vec!["x-sum"], &HeaderValue::from_static("7")));
    assert_eq!(collected.to_bytes(), "hi");
}

#[tokio::test]
async fn what_is_no_answer_is_called_invalid() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(200));
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(100_000));
    for answer in ["SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", many.leak(), long.leak()] {
        let server = says(answer).await;
        let upstream = server.upstream(WireProtocol::Http);
        let error = upstream
            .send_bytes(get("/"), SendBounds::new(soon(), Safety::Repeatable))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::UpstreamInvalid { .. }), "{error:?}");
        assert_eq!(server.seen.requests(), 1, "an invalid answer is no reason to ask again");
    }
}

#[tokio::test]
async fn an_upgrade_that_nobody_asked_for_is_invalid() {
    let server =
        says("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n").await;
    let upstream = server.upstream(WireProtocol::Http);
    let error =
        upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap_err();
    assert!(matches!(error, Error::UpstreamInvalid { .. }), "{error:?}");
}

#[tokio::test]
async fn connect_is_never_forwarded() {
    let server = mirror().await;
    let upstream = server.upstream(WireProtocol::Http);
    let request = Request::connect("elsewhere:443").body(Bytes::new()).unwrap();
    let error =
        upstream.send_bytes(request, SendBounds::new(soon(), Safety::Once)).await.unwrap_err();
    assert!(matches!(error, Error::Internal { .. }), "{error:?}");
    assert_eq!(server.seen.connections(), 0);
}

type Parts = StreamBody<tokio_stream::wrappers::ReceiverStream<Result<Frame<Bytes>, Error>>>;

fn streamed() -> (mpsc::Sender<Result<Frame<Bytes>, Error>>, Parts) {
    let (sender, receiver) = mpsc::channel(1);
    (sender, StreamBody::new(tokio_stream::wrappers::ReceiverStream::new(receiver)))
}

#[tokio::test]
async fn a_body_is_streamed_out_as_it_comes() {
    let server = Server::start(|request| async move {
        let collected = request.into_body().collect().await.unwrap();
        text(collected.to_bytes())
    })
    .await;

    let upstream = server.upstream(WireProtocol::Http);

    for _ in 0..2 {
        let (parts, body) = streamed();
        let request = Request::post("/").body(body).unwrap();
        let feed = async {
            for part in ["one ", "two ", "three"] {
                parts.send(Ok(Frame::data(Bytes::from(part)))).await.unwrap();
            }
            drop(parts);
        };
        let (answer, ()) =
            tokio::join!(upstream.send(request, SendBounds::new(soon(), Safety::Once)), feed);
        assert_eq!(read(answer.unwrap()).await, "one two three");
    }

    assert_eq!(server.seen.connections(), 1, "the connection is kept after a streamed body");
}

#[tokio::test]
async fn the_request_bodys_own_failure_is_told_and_not_the_upstreams() {
    let server = Server::start(|request| async move {
        let _ = request.into_body().collect().await;
        text("")
    })
    .await;
    for protocol in [WireProtocol::Http, WireProtocol::Grpc] {
        let upstream = server.upstream(protocol);
        let (parts, body) = streamed();
        parts.send(Ok(Frame::data(Bytes::from("begun")))).await.unwrap();
        let request = Request::post("/").body(body).unwrap();
        let feed = async {
            let _ = parts.send(Err(Error::BodyTooLarge { limit: 5 })).await;
        };
        let (answer, ()) =
            tokio::join!(upstream.send(request, SendBounds::new(soon(), Safety::Once)), feed);
        assert_eq!(answer.unwrap_err(), Error::BodyTooLarge { limit: 5 });
    }
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_body_ends_the_body_and_the_connection() {
    let server = says("HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\n\r\nno").await;
    let upstream = server.upstream(WireProtocol::Http);
    let (parts, body) = streamed();
    parts.send(Ok(Frame::data(Bytes::from("begun")))).await.unwrap();
    let request = Request::post("/").body(body).unwrap();
    let answer = upstream.send(request, SendBounds::new(soon(), Safety::Once)).await.unwrap();
    assert_eq!(answer.status(), 413);
    assert_eq!(read(answer).await, "no");
    parts.closed().await;
    until("the connection is closed", || server.seen.open.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn a_refusal_that_closes_the_connection_within_the_body_is_the_answer() {
    let server = Server::script(|_, mut stream, _| async move {
        let refusal = "HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno";
        read_head(&mut stream).await;
        let _ = stream.write_all(refusal.as_bytes()).await;
    })
    .await;
    let upstream = server.upstream(WireProtocol::Http);
    for _ in 0..30 {
        let request = Request::post("/").body(Bytes::from(vec![b'x'; 2 << 20])).unwrap();
        let bounds = SendBounds::new(soon(), Safety::Once);
        let answer = upstream.send_bytes(request, bounds).await.unwrap();
        assert_eq!((answer.status().as_u16(), &*read(answer).await), (403, "no"));
    }
}

#[tokio::test]
async fn a_connection_is_used_no_longer_than_its_server_keeps_it() {
    let server =
        says("HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nhi").await;
    let upstream = server.upstream(WireProtocol::Http);
    let ask = async || {
        let answer = upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await;
        assert_eq!(read(answer.unwrap()).await, "hi");
    };
    ask().await;
    ask().await;
    assert_eq!(server.seen.connections(), 1);
    // The time itself is what is tested.
    tokio::time::sleep(Duration::from_millis(800)).await;
    ask().await;
    assert_eq!(server.seen.connections(), 2);
}

#[tokio::test]
async fn a_body_cut_short_is_an_error_and_not_an_end() {
    let server = Server::script(|_, mut stream, _| async move {
        read_head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    })
    .await;
    let upstream = server.upstream(WireProtocol::Http);
    let answer =
        upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap();
    let error = answer.into_body().collect().await.unwrap_err();
    assert!(matches!(error, Error::UpstreamUnavailable { unsent: false, .. }), "{error:?}");
}

#[tokio::test]
async fn connections_that_nobody_uses_are_closed() {
    let server = Server::start(|_| async { text("hello") }).await;
    for protocol in [WireProtocol::Http, WireProtocol::Grpc] {
        let mut settings = settings(protocol, &[server.endpoint()]);
        settings.idle_timeout = Duration::from_millis(40);
        let upstream = Upstream::new(settings).unwrap();
        read(upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap())
            .await;
        until("it is closed", || server.seen.open.load(Ordering::SeqCst) == 0).await;
        read(upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap())
            .await;
    }
    assert_eq!(server.seen.connections(), 4);
}

#[tokio::test]
async fn connections_are_closed_with_their_upstream() {
    let server = Server::start(|_| async { text("hello") }).await;
    for protocol in [WireProtocol::Http, WireProtocol::Grpc] {
        let upstream = server.upstream(protocol);
        read(upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap())
            .await;
        drop(upstream);
        until("it is closed", || server.seen.open.load(Ordering::SeqCst) == 0).await;
    }
}

#[tokio::test]
async fn extensions_of_the_caller_do_not_reach_the_connection() {
    let server = mirror().await;
    let upstream = server.upstream(WireProtocol::Http);
    let mut request = get("/");
    request.extensions_mut().insert(HeaderMap::<HeaderValue>::new());
    let answer = upstream.send_bytes(request, SendBounds::new(soon(), Safety::Once)).await.unwrap();
    assert!(answer.extensions().is_empty());
}

#[tokio::test]
async fn an_empty_body_keeps_its_length_where_the_method_has_a_body() {
    let server = mirror().await;
    let upstream = server.upstream(WireProtocol::Http);
    for (method, length) in [("POST", 1), ("PUT", 1), ("PATCH", 1), ("GET", 0), ("DELETE", 0)] {
        let request = || {
            let request = Request::builder().method(method).uri("/").header("content-length", "0");
            request.body(Bytes::new()).unwrap()
        };
        let head = read(
            upstream.send_bytes(request(), SendBounds::new(soon(), Safety::Once)).await.unwrap(),
        )
        .await;
        assert_eq!(head.matches("content-length: 0\r\n").count(), length, "{head}");
    }

    let request = Request::post("/").body(http_body_util::Empty::<Bytes>::new()).unwrap();
    let head =
        read(upstream.send(request, SendBounds::new(soon(), Safety::Once)).await.unwrap()).await;
    assert!(head.contains("content-length: 0\r\n"), "{head}");
}

#[tokio::test]
async fn a_body_of_unknown_length_is_sent_with_whatever_method() {
    let server = Server::start(|request: Request<hyper::body::Incoming>| async move {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        text(body)
    })
    .await;
    let upstream = server.upstream(WireProtocol::Http);
    for method in ["GET", "DELETE", "OPTIONS", "POST"] {
        let pieces = ["chunk", "ed"].map(|piece| {
            Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from_static(piece.as_bytes())))
        });
        let body = StreamBody::new(futures_util::stream::iter(pieces));
        let request = Request::builder().method(method).uri("/").body(body).unwrap();
        let answer = upstream.send(request, SendBounds::new(soon(), Safety::Once)).await.unwrap();
        assert_eq!(read(answer).await, "chunked", "{method}");
    }
}
