//! The road to the services behind the gate: connections, TLS, balancing, health, sending.
//!
//! An [`Upstream`] is one service with its endpoints. It owns its connections and sends requests
//! over them; it knows nothing of policies, routes or tenants. Read next: `send.rs` (the life of
//! one request), then `pool.rs` (where connections are kept), then `retry.rs` (what may be sent
//! twice).

mod balance;
mod body;
mod caller;
mod connect;
mod error;
mod fields;
mod health;
mod outgoing;
mod pool;
mod retry;
mod send;
mod settings;
mod websocket;

pub use body::UpstreamBody;
pub use caller::CallerKey;
pub use error::Error;
pub use fields::strip_before_forwarding;
pub use retry::Safety;
pub use send::{SendBounds, Upstream};
pub use settings::{ClientPem, TlsSettings, UpstreamSettings, WireProtocol};
pub use websocket::{HandshakeAnswer, UpstreamTunnel};
