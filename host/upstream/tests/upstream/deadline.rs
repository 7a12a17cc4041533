//! A deadline ends a request wherever it is, and the service hears of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tollgate_chain::Error;
use tollgate_upstream::{Safety, SendBounds, Upstream, WireProtocol};

use crate::SendBytes as _;
use crate::server::{Server, get, settings, soon, text, until};

fn shortly() -> Instant {
    Instant::now() + Duration::from_millis(80)
}

/// The server's treatment of a call before it waits for the caller's reset.
#[derive(Clone, Copy)]
enum Stall {
    BeforeHead,
    InBody,
}

/// An HTTP/2 server that stalls, and tells by which reason each of its streams was reset.
async fn stalling(stall: Stall) -> (Server, mpsc::Receiver<Reason>) {
    let (tell, told) = mpsc::channel(16);
    let server = Server::script(move |seen, stream, _| {
        let tell = tell.clone();
        async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                seen.request();
                let tell = tell.clone();
                tokio::spawn(async move {
                    let _body = request.into_body();
                    let reason = match stall {
                        Stall::BeforeHead => {
                            std::future::poll_fn(|cx| respond.poll_reset(cx)).await.unwrap()
                        }
                        Stall::InBody => {
                            let mut sent = respond.send_response(Response::new(()), false).unwrap();
                            sent.send_data(Bytes::from("begun"), false).unwrap();
                            std::future::poll_fn(|cx| sent.poll_reset(cx)).await.unwrap()
                        }
                    };
                    let _ = tell.send(reason).await;
                });
            }
        }
    })
    .await;

    (server, told)
}

#[tokio::test]
async fn a_call_without_an_answer_times_out_and_its_stream_is_cancelled() {
    let (server, mut resets) = stalling(Stall::BeforeHead).await;
    let upstream = server.upstream(WireProtocol::Grpc);
    let outcome =
        upstream.send_bytes(get("/"), SendBounds::new(shortly(), Safety::Repeatable)).await;
    assert_eq!(outcome.unwrap_err(), Error::UpstreamTimeout);
    assert_eq!(resets.recv().await, Some(Reason::CANCEL));
    assert_eq!(server.seen.requests(), 1, "no time is left to ask again");
}

#[tokio::test]
async fn an_answer_that_stops_coming_times_out_and_its_stream_is_cancelled() {
    let (server, mut resets) = stalling(Stall::InBody).await;
    let upstream = server.upstream(WireProtocol::Grpc);
    let answer =
        upstream.send_bytes(get("/"), SendBounds::new(shortly(), Safety::Once)).await.unwrap();
    let mut body = answer.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "begun");
    assert_eq!(body.frame().await.unwrap().unwrap_err(), Error::UpstreamTimeout);
    assert_eq!(resets.recv().await, Some(Reason::CANCEL), "while the body is still held");
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn an_answer_that_is_dropped_cancels_its_stream_though_the_request_still_goes_on() {
    let (server, mut resets) = stalling(Stall::InBody).await;
    let upstream = server.upstream(WireProtocol::Grpc);
    let (parts, receiver) = mpsc::channel::<Result<Frame<Bytes>, Error>>(1);
    let body = StreamBody::new(tokio_stream::wrappers::ReceiverStream::new(receiver));
    let request = Request::post("/").body(body).unwrap();
    drop(upstream.send(request, SendBounds::new(soon(), Safety::Once)).await.unwrap());
    assert_eq!(resets.recv().await, Some(Reason::CANCEL));
    parts.closed().await;
}

#[tokio::test]
async fn a_caller_who_leaves_cancels_the_stream_and_leaves_the_connection_to_others() {
    let (server, mut resets) = stalling(Stall::BeforeHead).await;
    let upstream = Arc::new(server.upstream(WireProtocol::Grpc));
    for round in 1..=3 {
        let leaver = tokio::spawn({
            let upstream = upstream.clone();
            async move {
                upstream
                    .send_bytes(get("/"), SendBounds::new(soon(), Safety::Once))
                    .await
                    .map(|_| ())
            }
        });
        until("the request arrives", || server.seen.requests() == round).await;
        leaver.abort();
        assert_eq!(resets.recv().await, Some(Reason::CANCEL));
    }
    assert_eq!(server.seen.connections(), 1);
}

#[tokio::test]
async fn a_deadline_that_passed_already_calls_nobody() {
    let server = Server::start(|_| async { text("") }).await;
    let upstream = server.upstream(WireProtocol::Http);
    let outcome =
        upstream.send_bytes(get("/"), SendBounds::new(Instant::now(), Safety::Repeatable)).await;
    assert_eq!(outcome.unwrap_err(), Error::UpstreamTimeout);
    assert_eq!(server.seen.connections(), 0);
}

#[tokio::test]
async fn http1_times_out_too_and_the_connection_is_not_used_again() {
    let server = Server::start(|request| async move {
        if request.uri().path() == "/stall" {
            std::future::pending::<()>().await;
        }
        text("hello")
    })
    .await;
    let upstream = server.upstream(WireProtocol::Http);
    let outcome =
        upstream.send_bytes(get("/stall"), SendBounds::new(shortly(), Safety::Once)).await;
    assert_eq!(outcome.unwrap_err(), Error::UpstreamTimeout);
    let answer =
        upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap();
    assert_eq!(crate::server::read(answer).await, "hello");
    assert_eq!(server.seen.connections(), 2);
}

#[tokio::test]
async fn a_peer_that_never_finishes_its_handshake_is_given_up_after_the_connect_timeout() {
    let server = Server::script(|_, stream, _| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let mut settings = settings(WireProtocol::Http, &[format!("https://{}", server.address)]);
    settings.connect_timeout = Duration::from_millis(60);
    let upstream = Upstream::new(settings).unwrap();
    match upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await {
        Err(Error::UpstreamUnavailable { internal, unsent: true }) => {
            assert_eq!(internal, "connect to 127.0.0.1: not within 60 ms");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn short_deadlines_of_callers_do_not_eject_a_service() {
    let (server, _resets) = stalling(Stall::BeforeHead).await;
    let upstream = server.upstream(WireProtocol::Grpc);
    for _ in 0..8 {
        let deadline = Instant::now() + Duration::from_millis(10);
        let outcome = upstream.send_bytes(get("/"), SendBounds::new(deadline, Safety::Once)).await;
        assert_eq!(outcome.unwrap_err(), Error::UpstreamTimeout);
    }
    assert_eq!(upstream.state(), tollgate_chain::UpstreamState::Ready);
}
