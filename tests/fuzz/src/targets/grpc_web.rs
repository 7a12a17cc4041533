//! gRPC-Web: base64 in pieces, and trailers as a frame (`rpc::TextDecoder`, `encode_text`,
//! `trailer_frame`).
//!
//! The decoded bytes do not depend on where a text is cut. Bytes that are encoded piece by piece come
//! back. Trailers come back from their frame line by line, as many as there were.

use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_transcode::grpc::PREFIX;
use tollgate_transcode::rpc::{TextDecoder, encode_text, trailer_frame};

use crate::lines::Lines;

/// Checks one text; its first byte says how long the pieces are.
pub(super) fn run(data: &[u8]) {
    let Some((cut, text)) = data.split_first() else { return };
    let cut = usize::from(*cut).max(1);

    let whole = decode([text]);
    let pieces = decode(text.chunks(cut));
    // A piece may be decoded before a later one turns out to be no base64.
    assert_eq!(whole, pieces, "in pieces of {cut}");

    let encoded: Vec<u8> = text.chunks(cut).flat_map(encode_text).collect();
    assert_eq!(decode(encoded.chunks(3)).as_deref(), Some(text), "encoded in pieces of {cut}");
    trailers(text);
}

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut decoder = TextDecoder::default();
    let mut decoded = Vec::new();
    for piece in pieces {
        decoded.extend_from_slice(&decoder.decode(piece).ok()?);
    }
    decoded.extend_from_slice(&decoder.finish().ok()?);
    Some(decoded)
}

fn trailers(data: &[u8]) {
    let mut trailers = HeaderMap::new();
    for line in Lines::of(data).take(32) {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        let name = HeaderName::from_bytes(name);
        let value = HeaderValue::from_bytes(value.get(1..).unwrap_or_default());
        if let (Ok(name), Ok(value)) = (name, value) {
            trailers.append(name, value);
        }
    }

    let frame = trailer_frame(&trailers).unwrap();
    let (prefix, lines) = frame.split_at(PREFIX);
    let length = u32::try_from(lines.len()).unwrap().to_be_bytes();
    assert_eq!(prefix, [&[0x80][..], &length].concat());

    let mut read = HeaderMap::new();
    let mut rest = lines;
    while !rest.is_empty() {
        let end = rest.windows(2).position(|pair| pair == b"\r\n").unwrap();
        let (line, after) = rest.split_at(end);
        let colon = line.windows(2).position(|pair| pair == b": ").unwrap();
        let (name, value) = line.split_at(colon);
        let name = HeaderName::from_bytes(name).unwrap();
        read.append(name, HeaderValue::from_bytes(value.get(2..).unwrap()).unwrap());
        rest = after.get(2..).unwrap();
    }
    assert_eq!(read, trailers);
}
