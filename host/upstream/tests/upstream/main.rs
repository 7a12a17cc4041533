//! The promises of the upstream, against real servers on loopback: HTTP/1.1, HTTP/2, TLS, and
//! servers that misbehave by script.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests may fail as tests do; clippy knows only test functions as such"
)]

mod balance;
mod deadline;
mod faults;
mod http1;
mod http2;
mod retry;
mod server;
mod settings;
mod tls;
mod websocket;

/// Sends requests that tests have already made.
trait SendBytes {
    async fn send_bytes(
        &self,
        request: http::Request<bytes::Bytes>,
        bounds: tollgate_upstream::SendBounds,
    ) -> Result<http::Response<tollgate_upstream::UpstreamBody>, tollgate_chain::Error>;
}

impl SendBytes for tollgate_upstream::Upstream {
    async fn send_bytes(
        &self,
        request: http::Request<bytes::Bytes>,
        bounds: tollgate_upstream::SendBounds,
    ) -> Result<http::Response<tollgate_upstream::UpstreamBody>, tollgate_chain::Error> {
        self.send_whole(|| Ok(request.clone()), bounds).await
    }
}
