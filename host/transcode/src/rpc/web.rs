//! The trailers of gRPC-Web, which are a frame of the body (PROTOCOL-WEB).

use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderMap;

use crate::grpc::PREFIX;

/// The flag of the frame that holds trailers.
const TRAILERS: u8 = 0b1000_0000;

/// Encodes trailers as the last frame of a body: lines of `name: value`, names in lower case.
/// Nothing where they are longer than 4 GiB.
#[must_use]
pub fn trailer_frame(trailers: &HeaderMap) -> Option<Bytes> {
    let lengths = trailers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    let length: usize = lengths.sum();

    let mut frame = BytesMut::with_capacity(PREFIX + length);
    frame.put_u8(TRAILERS);
    frame.put_u32(u32::try_from(length).ok()?);
    for (name, value) in trailers {
        frame.put_slice(name.as_str().as_bytes());
        frame.put_slice(b": ");
        frame.put_slice(value.as_bytes());
        frame.put_slice(b"\r\n");
    }
    Some(frame.freeze())
}
