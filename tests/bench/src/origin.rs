//! The upstream: reads the request whole and answers the same message to all, in HTTP/1.1 or gRPC.

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use tokio::net::TcpListener;

use crate::websocket;

/// The body of every JSON reply.
const JSON: &[u8] =
    br#"{"id":"dep_01","state":"DETECTED","amount":{"minorUnits":"1250","currency":"USD"},"ok":true}"#;

/// The same in the messages of [`PROTO`], after the five bytes that frame it: it is not
/// compressed, and 30 bytes long.
const MESSAGE: &[u8] = b"\x00\x00\x00\x00\x1e\
    \x0a\x06dep_01\x12\x08DETECTED\x1a\x08\x08\xe2\x09\x12\x03USD\x20\x01";

/// The interface of the gRPC upstream.
pub(crate) const PROTO: &str = r#"syntax = "proto3";
package bench.v1;

service Work {
  rpc Do(DoRequest) returns (DoResponse);
}

message Money {
  int64 minor_units = 1;
  string currency = 2;
}

message DoRequest {
  string deposit_account_id = 1;
  Money amount = 2;
  string reference = 3;
}

message DoResponse {
  string id = 1;
  string state = 2;
  Money amount = 3;
  bool ok = 4;
}
"#;

/// Serves until it is killed; tells its address first.
///
/// # Errors
/// When no port is free.
pub(crate) async fn serve(grpc: bool) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let stream = TokioIo::new(stream);
        if grpc {
            let service = service_fn(call);
            tokio::spawn(
                http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service),
            );
        } else {
            let connection = http1::Builder::new().serve_connection(stream, service_fn(answer));
            tokio::spawn(connection.with_upgrades());
        }
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    if websocket::is_asked(request.headers()) {
        return Ok(websocket::echo(request));
    }
    request.into_body().collect().await?;
    let mut response = Response::new(Full::new(Bytes::from_static(JSON)));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(response)
}

async fn call(
    request: Request<Incoming>,
) -> Result<Response<impl Body<Data = Bytes, Error = Infallible>>, hyper::Error> {
    request.into_body().collect().await?;
    let mut trailers = HeaderMap::new();
    let status = HeaderName::from_static("grpc-status");
    trailers.insert(status, HeaderValue::from_static("0"));
    let trailers = std::future::ready(Some(Ok(trailers)));
    let body = Full::new(Bytes::from_static(MESSAGE)).with_trailers(trailers);
    let mut response = Response::new(body);
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    Ok(response)
}
