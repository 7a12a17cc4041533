//! JSON to protobuf and back, by descriptors and `google.api.http`. Pure: no I/O but the
//! reading of `.proto` files at load.
//!
//! [`Descriptors`] say which [`HttpBinding`]s a method has; a [`Transcoder`] is one binding put
//! to work; [`grpc`] is what surrounds a message on the wire; [`rpc`] is how the other RPC protocols
//! say the same.
//!
//! Read next: `transcoder.rs`, then `reader.rs` and `writer.rs`.

mod descriptors;
mod query;
mod reader;
mod schema;
mod stream;
mod text;
mod transcoder;
mod wellknown;
mod wire;
mod writer;

pub mod grpc;
pub mod rpc;

pub use descriptors::{Body, Descriptors, Error, HttpBinding};
pub use stream::{EVENT_STREAM, JsonStreamForm, NDJSON};
pub use transcoder::{JSON, TranscodedBody, Transcoder};
