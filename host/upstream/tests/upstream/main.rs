//! What the upstream promises, against real servers on loopback: HTTP/1.1, HTTP/2, TLS, and
//! servers that misbehave by script.

mod balance;
mod deadline;
mod faults;
mod http1;
mod http2;
mod retry;
mod server;
mod settings;
mod tls;
