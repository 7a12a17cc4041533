//! Requests that are sent twice, counted by the server.

use bytes::Bytes;
use h2::Reason;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tollgate_chain::Error;
use tollgate_upstream::{Safety, SendBounds, Upstream, WireProtocol};

use crate::SendBytes as _;
use crate::server::{Server, get, read, read_head, settings, soon, text};

fn unavailable(outcome: Result<Response<tollgate_upstream::UpstreamBody>, Error>) -> bool {
    match outcome {
        Err(Error::UpstreamUnavailable { unsent, .. }) => unsent,
        Err(Error::UpstreamReset { .. }) => false,
        other => panic!("{other:?}"),
    }
}

/// Answers the first request of its first connection, and hangs up on the second.
async fn forgetful() -> Server {
    Server::script(|seen, mut stream, number| async move {
        while read_head(&mut stream).await.is_some() {
            if seen.request() == 1 && number == 0 {
                return;
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await.unwrap();
        }
    })
    .await
}

#[tokio::test]
async fn a_kept_connection_that_is_closed_under_a_repeatable_request_costs_one_more_sending() {
    let server = forgetful().await;
    let upstream = server.upstream(WireProtocol::Http);
    for _ in 0..3 {
        let answer = upstream
            .send_bytes(get("/"), SendBounds::new(soon(), Safety::Repeatable))
            .await
            .unwrap();
        assert_eq!(read(answer).await, "hi");
    }
    assert_eq!((server.seen.connections(), server.seen.requests()), (2, 4));
}

#[tokio::test]
async fn a_request_that_may_run_once_is_not_sent_again_after_it_was_written() {
    let server = forgetful().await;
    let upstream = server.upstream(WireProtocol::Http);
    read(upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap()).await;
    assert!(!unavailable(
        upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await
    ));
    assert_eq!(server.seen.requests(), 2);
}

#[tokio::test]
async fn a_connection_that_the_server_closed_meanwhile_costs_nobody_a_request() {
    let server = Server::script(|seen, mut stream, _| async move {
        read_head(&mut stream).await;
        seen.request();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
    })
    .await;
    let upstream = server.upstream(WireProtocol::Http);
    for round in 1..=20 {
        let answer = upstream
            .send_bytes(get("/"), SendBounds::new(soon(), Safety::Repeatable))
            .await
            .unwrap();
        assert_eq!(read(answer).await, "hi");
        assert_eq!(server.seen.requests(), round);
    }
}

#[tokio::test]
async fn a_server_that_always_hangs_up_sees_a_request_twice_at_most() {
    let server = Server::script(|seen, mut stream, _| async move {
        if read_head(&mut stream).await.is_some() {
            seen.request();
        }
    })
    .await;
    let upstream = server.upstream(WireProtocol::Http);
    assert!(!unavailable(
        upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Repeatable)).await
    ));
    assert_eq!(server.seen.requests(), 2);
    assert!(!unavailable(
        upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await
    ));
    assert_eq!(server.seen.requests(), 3);
}

#[tokio::test]
async fn a_streamed_body_is_not_sent_again() {
    let server = Server::script(|seen, mut stream, _| async move {
        if read_head(&mut stream).await.is_some() {
            seen.request();
        }
    })
    .await;
    let upstream = server.upstream(WireProtocol::Http);
    let part = Ok::<_, Error>(Frame::data(Bytes::from("body")));
    let body = StreamBody::new(futures_util::stream::iter([part]));
    let request = Request::post("/").body(body).unwrap();
    assert!(!unavailable(
        upstream.send(request, SendBounds::new(soon(), Safety::Repeatable)).await
    ));
    assert_eq!(server.seen.requests(), 1);
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_reached_is_passed_over_for_any_request() {
    let nobody = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let server = Server::start(|_| async { text("hello") }).await;
    for protocol in [WireProtocol::Http, WireProtocol::Grpc] {
        let settings = settings(protocol, &[nobody.clone(), server.endpoint(), nobody.clone()]);
        let upstream = Upstream::new(settings).unwrap();
        for _ in 0..50 {
            let answer =
                upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap();
            assert_eq!(read(answer).await, "hello");
        }
    }
    assert_eq!(server.seen.requests(), 100);
}

#[tokio::test]
async fn without_a_reachable_endpoint_the_request_is_certainly_unsent_and_the_cause_is_told() {
    let upstream = {
        let server = Server::start(|_| async { text("") }).await;
        server.upstream(WireProtocol::Http)
    };
    tokio::task::yield_now().await;
    match upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await {
        Err(Error::UpstreamUnavailable { internal, unsent: true }) => {
            assert!(internal.starts_with("connect to 127.0.0.1:"), "{internal}");
            assert!(internal.contains("refused"), "{internal}");
        }
        other => panic!("{other:?}"),
    }
}

/// An HTTP/2 server that resets the first `resets` streams and answers the others.
async fn resetting(reason: Reason, resets: usize) -> Server {
    Server::script(move |seen, stream, _| async move {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            if seen.request() < resets {
                respond.send_reset(reason);
            } else {
                respond.send_response(Response::new(()), true).unwrap();
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_refused_stream_is_sent_again_even_if_it_may_run_only_once() {
    let server = resetting(Reason::REFUSED_STREAM, 1).await;
    let upstream = server.upstream(WireProtocol::Grpc);
    let answer =
        upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!((server.seen.connections(), server.seen.requests()), (1, 2));
}

#[tokio::test]
async fn a_stream_that_is_always_refused_is_sent_twice_and_called_unsent() {
    let server = resetting(Reason::REFUSED_STREAM, usize::MAX).await;
    let upstream = server.upstream(WireProtocol::Grpc);
    assert!(unavailable(
        upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await
    ));
    assert_eq!(server.seen.requests(), 2);
}

#[tokio::test]
async fn any_other_reset_is_repeated_only_where_that_is_safe() {
    for reason in [Reason::INTERNAL_ERROR, Reason::CANCEL, Reason::ENHANCE_YOUR_CALM] {
        let server = resetting(reason, 1).await;
        let upstream = server.upstream(WireProtocol::Grpc);
        assert!(!unavailable(
            upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await
        ));
        assert_eq!(server.seen.requests(), 1);
        let server = resetting(reason, 1).await;
        let upstream = server.upstream(WireProtocol::Grpc);
        assert!(
            upstream
                .send_bytes(get("/"), SendBounds::new(soon(), Safety::Repeatable))
                .await
                .is_ok()
        );
        assert_eq!(server.seen.requests(), 2);
    }
}

#[tokio::test]
async fn a_connection_lost_within_a_call_is_repeated_only_where_that_is_safe() {
    let lossy = || {
        Server::script(|seen, stream, number| async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                seen.request();
                if number == 0 {
                    return;
                }
                respond.send_response(Response::new(()), true).unwrap();
            }
        })
    };

    let server = lossy().await;
    let upstream = server.upstream(WireProtocol::Grpc);
    assert!(!unavailable(
        upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await
    ));
    assert_eq!(server.seen.requests(), 1);
    let server = lossy().await;
    let upstream = server.upstream(WireProtocol::Grpc);
    assert!(
        upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Repeatable)).await.is_ok()
    );

    assert_eq!((server.seen.connections(), server.seen.requests()), (2, 2));
}

/// Speaks frames by hand: on the first connection's call it says `GOAWAY` with this last stream and
/// hangs up; later connections are served.
async fn leaving(last_stream: u8) -> Server {
    Server::script(move |seen, mut stream, number| async move {
        if number > 0 {
            let handler = std::sync::Arc::new(|_| async { text("hello") });
            return crate::server::serve(stream, seen, handler).await;
        }

        let mut preface = [0; 24];
        stream.read_exact(&mut preface).await.unwrap();
        stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head).await.unwrap();
            let length = usize::from(head[1]) << 8 | usize::from(head[2]);
            stream.read_exact(&mut vec![0; length]).await.unwrap();
            if head[3] == 1 {
                break;
            }
        }

        seen.request();
        let head = [0, 0, 8, 7, 0, 0, 0, 0, 0];
        let last_stream_and_no_error = [0, 0, 0, last_stream, 0, 0, 0, 0];
        stream.write_all(&[&head[..], &last_stream_and_no_error].concat()).await.unwrap();
        // Closed in order: what the peer still sends is read, so that it is not reset.
        stream.shutdown().await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await
}

#[tokio::test]
async fn a_stream_above_the_last_one_of_a_go_away_is_sent_again_even_if_it_may_run_only_once() {
    let server = leaving(0).await;
    let upstream = server.upstream(WireProtocol::Grpc);
    let answer =
        upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap();
    assert_eq!(read(answer).await, "hello");
    assert_eq!((server.seen.connections(), server.seen.requests()), (2, 2));
}

#[tokio::test]
async fn a_stream_within_a_go_away_that_is_cut_off_may_have_been_processed() {
    let server = leaving(1).await;
    let upstream = server.upstream(WireProtocol::Grpc);
    assert!(!unavailable(
        upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await
    ));
    assert_eq!((server.seen.connections(), server.seen.requests()), (1, 1));
    let answer =
        upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap();
    assert_eq!(read(answer).await, "hello");
}
