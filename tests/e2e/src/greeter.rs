//! Anybody's own gRPC service: the one that the README's gateway stands before.

use std::net::SocketAddr;
use std::task::{Context, Poll};

use anyhow::Result;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{Grpc, NamedService, ServerStreamingService, UnaryService};
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

/// Its `greet.proto`.
pub const PROTO: &str = r#"syntax = "proto3";
package demo;
message GreetRequest { string name = 1; }
message GreetReply { string greeting = 1; }
service Greeter {
  rpc Greet(GreetRequest) returns (GreetReply);
  rpc Greetings(GreetRequest) returns (stream GreetReply);
}
"#;

/// A running greeter; gone when dropped.
#[derive(Debug)]
pub struct Greeter {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Greeter {
    /// Starts on a free port.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let serving = Server::builder()
            .add_service(Greet)
            .serve_with_incoming(TcpListenerStream::new(listener));
        // A server that ends early shows in the answers.
        let task = tokio::spawn(async move { drop(serving.await) });
        Ok(Self { address, task })
    }

    /// Where it takes calls.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Greeter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct GreetRequest {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct GreetReply {
    #[prost(string, tag = "1")]
    greeting: String,
}

#[derive(Clone)]
struct Greet;

impl NamedService for Greet {
    const NAME: &'static str = "demo.Greeter";
}

impl UnaryService<GreetRequest> for Greet {
    type Response = GreetReply;
    type Future = BoxFuture<Response<GreetReply>, Status>;

    fn call(&mut self, request: Request<GreetRequest>) -> Self::Future {
        let greeting = format!("Hello, {}", request.into_inner().name);
        Box::pin(async { Ok(Response::new(GreetReply { greeting })) })
    }
}

impl ServerStreamingService<GreetRequest> for Greet {
    type Response = GreetReply;
    type ResponseStream = tokio_stream::Iter<std::vec::IntoIter<Result<GreetReply, Status>>>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    /// Greets once and once more; whoever has no name is refused, and `nobody` after a greeting.
    fn call(&mut self, request: Request<GreetRequest>) -> Self::Future {
        let name = request.into_inner().name;
        let greeting = |word: &str| Ok(GreetReply { greeting: format!("{word}, {name}") });
        let answer = match name.as_str() {
            "" => Err(Status::invalid_argument("a name is missing")),
            "nobody" => Ok(vec![greeting("Hello"), Err(Status::not_found("there is nobody"))]),
            _ => Ok(vec![greeting("Hello"), greeting("Again")]),
        };
        Box::pin(async { answer.map(|messages| Response::new(tokio_stream::iter(messages))) })
    }
}

impl Service<http::Request<Body>> for Greet {
    type Response = http::Response<Body>;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<GreetReply, GreetRequest>::default());
            match request.uri().path() {
                "/demo.Greeter/Greet" => Ok(grpc.unary(Self, request).await),
                "/demo.Greeter/Greetings" => Ok(grpc.server_streaming(Self, request).await),
                _ => Ok(Status::unimplemented("no such method").into_http()),
            }
        })
    }
}
