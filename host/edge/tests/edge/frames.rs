//! Frames of HTTP/2, written and read by hand.

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

/// Ends what a client sends on a stream; acknowledges SETTINGS and PING.
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// `GET http://a/` in the fixed table of HPACK.
pub(crate) const HEAD: &[u8] = &[0x82, 0x86, 0x84, 0x41, 1, b'a'];
/// `GET http://a/held`
pub(crate) const HELD: &[u8] = &[0x82, 0x86, 0x44, 5, b'/', b'h', b'e', b'l', b'd', 0x41, 1, b'a'];

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The beginning of a client's connection, its SETTINGS included.
pub(crate) fn preface() -> Vec<u8> {
    [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, 0, &[])].concat()
}

/// One frame as it came.
pub(crate) struct RawFrame<'a> {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) payload: &'a [u8],
}

/// Splits the first frame off, if it is whole.
pub(crate) fn split(frames: &[u8]) -> Option<(RawFrame<'_>, &[u8])> {
    let (&[a, b, c, kind, flags, _, _, _, _], rest) = frames.split_first_chunk::<9>()?;
    let length = u32::from_be_bytes([0, a, b, c]) as usize;
    let (payload, rest) = rest.split_at_checked(length)?;
    Some((RawFrame { kind, flags, payload }, rest))
}

/// The last stream and the code of a GOAWAY.
pub(crate) fn goaway(payload: &[u8]) -> (u32, u32) {
    let number = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
    (number(0), number(4))
}
