//! gRPC's transport: shared connections, pseudo-headers, trailers.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tollgate_chain::{Error, GrpcCode};
use tollgate_upstream::{CallerKey, Safety, SendBounds, WireProtocol};

use crate::SendBytes as _;
use crate::server::{Answer, Gate, Server, get, read, soon, text};

#[tokio::test]
async fn a_request_goes_out_with_the_endpoints_authority_and_te_trailers() {
    let server = Server::start(|request| async move {
        let field = |name| request.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
        text(format!(
            "{:?} {} host={:?} te={:?} connection={:?} length={:?}",
            request.version(),
            request.uri(),
            field("host"),
            field("te"),
            field("connection"),
            field("content-length"),
        ))
    })
    .await;

    let upstream = server.upstream(WireProtocol::Grpc);
    let request = Request::post("/pkg.Service/Method")
        .header("host", "client.example")
        .header("connection", "te")
        .header("te", "gzip")
        .header("content-length", "99")
        .body(Bytes::from("message"))
        .unwrap();
    let answer =
        read(upstream.send_bytes(request, SendBounds::new(soon(), Safety::Once)).await.unwrap())
            .await;

    assert_eq!(
        answer,
        format!(
            "HTTP/2.0 http://{}/pkg.Service/Method host=None te=Some(\"trailers\") \
             connection=None length=Some(\"7\")",
            server.address
        )
    );
}

fn with_trailers() -> Answer {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = [Ok(Frame::data(Bytes::from("message"))), Ok(Frame::trailers(trailers))];
    Response::new(BodyExt::boxed(StreamBody::new(futures_util::stream::iter(frames))))
}

#[tokio::test]
async fn trailers_come_through() {
    let server = Server::start(|_| async { with_trailers() }).await;
    let upstream = server.upstream(WireProtocol::Grpc);
    let answer =
        upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap();
    let collected = answer.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(collected.to_bytes(), "message");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_come_together_share_the_one_connection_that_is_made_for_them() {
    let server = Server::start(|_| async { text("hello") }).await;
    let upstream = server.upstream(WireProtocol::Grpc);
    let ask = || async {
        read(upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap())
            .await
    };
    for answer in join_all((0..50).map(|_| ask())).await {
        assert_eq!(answer, "hello");
    }
    assert_eq!((server.seen.connections(), server.seen.requests()), (1, 50));
}

#[tokio::test]
async fn many_requests_in_hand_spread_over_a_few_connections_and_all_are_answered() {
    let gate = Gate::new();
    let server = {
        let gate = gate.clone();
        Server::start(move |_| {
            let gate = gate.clone();
            async move {
                gate.pass().await;
                text("hello")
            }
        })
        .await
    };

    let upstream = Arc::new(server.upstream(WireProtocol::Grpc));
    let mut waves = Vec::new();

    for wave in 1..=4 {
        for _ in 0..100 {
            let upstream = upstream.clone();
            waves.push(tokio::spawn(async move {
                read(
                    upstream
                        .send_bytes(get("/"), SendBounds::new(soon(), Safety::Once))
                        .await
                        .unwrap(),
                )
                .await
            }));
        }
        crate::server::until("the wave arrives", || server.seen.requests() == wave * 100).await;
    }

    let connections = server.seen.connections();
    assert!((2..=8).contains(&connections), "{connections}");
    gate.open();

    for answer in waves {
        assert_eq!(answer.await.unwrap(), "hello");
    }
}

#[tokio::test]
async fn a_streamed_body_and_its_answer_flow_at_the_same_time() {
    let server = Server::start(|request| async move {
        Response::new(BodyExt::boxed(request.into_body().map_err(|_| unreachable!())))
    })
    .await;
    let upstream = server.upstream(WireProtocol::Grpc);
    let (parts, receiver) = tokio::sync::mpsc::channel::<Result<_, Error>>(1);
    let body = StreamBody::new(tokio_stream::wrappers::ReceiverStream::new(receiver));
    let request = Request::post("/").body(body).unwrap();
    let mut answer =
        upstream.send(request, SendBounds::new(soon(), Safety::Once)).await.unwrap().into_body();
    for part in ["ping", "pong", "ping"] {
        parts.send(Ok(Frame::data(Bytes::from(part)))).await.unwrap();
        let echoed = answer.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(echoed, part);
    }
    drop(parts);
    assert!(
        answer.frame().await.is_none_or(|frame| frame.unwrap().into_data().unwrap().is_empty())
    );
}

#[tokio::test]
async fn after_a_graceful_go_away_requests_move_to_a_new_connection_and_none_fails() {
    let server = Server::script(|seen, stream, _| async move {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let mut left = 3;
        while let Some(accepted) = connection.accept().await {
            let Ok((_, mut respond)) = accepted else { return };
            seen.request();
            respond.send_response(Response::new(()), true).unwrap();
            left -= 1;
            if left == 0 {
                connection.graceful_shutdown();
            }
        }
    })
    .await;

    let upstream = server.upstream(WireProtocol::Grpc);

    for _ in 0..30 {
        let answer =
            upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap();
        assert_eq!(read(answer).await, "");
    }

    assert_eq!(server.seen.requests(), 30);
    assert!(server.seen.open.load(Ordering::SeqCst) <= 8);

    assert!(server.seen.connections() >= 10);
}

#[tokio::test]
async fn answers_that_nobody_reads_do_not_hold_up_others() {
    let server = Server::start(|request| async move {
        match request.uri().path() {
            "/large" => text(vec![b'x'; 1 << 20]),
            _ => text("hello"),
        }
    })
    .await;
    let upstream = server.upstream(WireProtocol::Grpc);
    let mut unread = Vec::new();
    for _ in 0..150 {
        let bounds = SendBounds::new(soon(), Safety::Once);
        unread.push(upstream.send_bytes(get("/large"), bounds).await.unwrap());
    }
    for _ in 0..20 {
        let bounds = SendBounds::new(soon(), Safety::Once);
        let answer = upstream.send_bytes(get("/"), bounds).await.unwrap();
        assert_eq!(read(answer).await, "hello");
    }
}

/// A server that takes so many streams of a connection at once, and holds them until the gate opens.
async fn narrow(streams: u32, gate: Gate) -> Server {
    Server::script(move |seen, stream, _| {
        let gate = gate.clone();
        async move {
            let service = hyper::service::service_fn(move |_| {
                seen.request();
                let gate = gate.clone();
                async move {
                    gate.pass().await;
                    Ok::<_, std::convert::Infallible>(text("hello"))
                }
            });
            let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            builder.max_concurrent_streams(streams);
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        }
    })
    .await
}

#[tokio::test]
async fn connections_grow_by_the_streams_that_the_peer_allows() {
    for (streams, requests, connections) in [(1, 8, 8), (3, 8, 3), (1, 40, 16)] {
        let gate = Gate::new();
        let server = narrow(streams, gate.clone()).await;
        let upstream = Arc::new(server.upstream(WireProtocol::Grpc));
        let asked: Vec<_> = (0..requests)
            .map(|_| {
                let upstream = upstream.clone();
                tokio::spawn(async move {
                    let bounds = SendBounds::new(soon(), Safety::Once);
                    read(upstream.send_bytes(get("/"), bounds).await.unwrap()).await
                })
            })
            .collect();

        // `connections_max` is 16: the last of these wait.
        let at_once = requests.min(16 * streams as usize);
        crate::server::until("they arrive", || server.seen.requests() >= at_once).await;
        assert_eq!(server.seen.connections(), connections, "{streams} streams, {requests}");
        gate.open();
        for answer in asked {
            assert_eq!(answer.await.unwrap(), "hello");
        }
    }
}

#[tokio::test]
async fn callers_share_the_places_of_an_upstream() {
    let gate = Gate::new();
    let server = narrow(1, gate.clone()).await;
    let upstream = Arc::new(server.upstream(WireProtocol::Grpc));
    let ask = |caller| {
        let upstream = upstream.clone();
        tokio::spawn(async move {
            let bounds = SendBounds { caller, ..SendBounds::new(soon(), Safety::Once) };
            read(upstream.send_bytes(get("/"), bounds).await.unwrap()).await
        })
    };
    let (greedy, modest) = (CallerKey::of_connection(1), CallerKey::of_tenant(["acme", "live"]));
    let mut asked: Vec<_> = (0..40).map(|_| ask(greedy)).collect();
    crate::server::until("its share is used up", || server.seen.requests() == 12).await;

    asked.push(ask(modest));
    crate::server::until("the other is served", || server.seen.requests() == 13).await;
    gate.open();
    for answer in asked {
        assert_eq!(answer.await.unwrap(), "hello");
    }
}

#[tokio::test]
async fn a_reset_before_the_head_is_told_by_its_reason() {
    use h2::Reason;
    for (reason, code) in [
        (Reason::ENHANCE_YOUR_CALM, GrpcCode::ResourceExhausted),
        (Reason::CANCEL, GrpcCode::Cancelled),
    ] {
        let server = Server::script(move |_, stream, _| async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                respond.send_reset(reason);
            }
        })
        .await;
        let upstream = server.upstream(WireProtocol::Grpc);
        let bounds = SendBounds::new(soon(), Safety::Once);
        let error = upstream.send_bytes(get("/"), bounds).await.unwrap_err();
        assert!(matches!(error, Error::UpstreamReset { code: c, .. } if c == code), "{error:?}");
    }
}
