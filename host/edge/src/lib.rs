//! Sockets to request heads and back: listeners, TLS, head checks, responses, access log.
//!
//! A [`Listener`] accepts connections within its limits, checks each request's head into a
//! [`tollgate_chain::Head`] and hands it with its [`RequestBody`] to a [`Handler`]. What the host
//! or a policy decided becomes HTTP in [`respond`] and nowhere else.
//!
//! Read next: `exchange.rs`, then `head.rs`, then `respond.rs`.

mod access_log;
mod body;
mod error;
mod exchange;
mod listener;
mod settings;
mod tls;
mod tunnel;

pub mod head;
pub mod respond;

pub use access_log::{AccessLog, Facts};
pub use body::{BodyTimeouts, RequestBody, ResponseBody, SelfEnding};
pub use error::Error;
pub use exchange::Handler;
pub use head::TrustedProxies;
pub use listener::{Drained, Listener, read_proxy_header};
pub use respond::{Caller, LastOfConnection, Protocol, Responder};
pub use settings::{Limits, ListenerSettings};
pub use tls::{
    CertificateFault, ClientTrustFiles, Expiry, RevocationListFault, ServerTlsFiles, Tls, expiries,
};
pub use tunnel::{CallerStream, Tunnel, TunnelCaller, TunnelEnd, TunnelFacts, TunnelRecord};
