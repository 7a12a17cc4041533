//! The edge's promises over real sockets.

mod clocks;
mod drain;
mod http2;
mod records;
mod secure;
mod support;
mod wire;
