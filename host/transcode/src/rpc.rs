//! gRPC-Web and Connect in terms of gRPC: what their callers send, and how an answer of gRPC is
//! told to them. Pure; bodies and sockets are the caller's part.
//!
//! The three protocols frame messages alike, five bytes in front of each: a flag and a length. They
//! differ in how a call ends (trailers; a last frame; a last envelope or an HTTP status), in the
//! names of header fields, and in what a call of one message looks like.

mod connect;
mod text;
mod web;

pub use connect::{ConnectError, ConnectQuery, end_of_stream, parse_milliseconds};
pub use text::{MalformedText, TextDecoder, encode_text};
pub use web::trailer_frame;
