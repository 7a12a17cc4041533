//! Messages of gRPC on the wire: `grpc::Deframer`, `grpc::deframe` and `grpc::frame`.
//!
//! The messages do not depend on how the stream is cut; framed again and put together they are the
//! bytes that were read. None is longer than the limit. A body of one message is the stream's first.

use bytes::Bytes;
use tollgate_chain::Error;
use tollgate_transcode::grpc::{Deframer, PREFIX, deframe, frame};

const LIMIT: usize = 256;

/// Checks one stream; its first byte says how long the pieces are.
pub(super) fn run(data: &[u8]) {
    let Some((cut, stream)) = data.split_first() else { return };
    let (messages, end) = read([stream]);
    let cut = usize::from(*cut).max(1);
    assert_eq!(read(stream.chunks(cut)), (messages.clone(), end.clone()), "in pieces of {cut}");

    assert!(messages.iter().all(|message| message.len() <= LIMIT));
    let framed: Vec<u8> =
        messages.iter().flat_map(|message| frame(message, false, LIMIT).unwrap()).collect();
    assert!(stream.starts_with(&framed));
    if end == Ok(false) {
        assert_eq!(stream.len(), framed.len(), "bytes were lost");
    }

    let body = Bytes::copy_from_slice(stream);
    match (deframe(&body, LIMIT), messages.as_slice()) {
        (Ok(None), _) => assert!(stream.is_empty()),
        (Ok(Some(message)), messages) => assert_eq!(messages, [message]),
        (Err(Error::UpstreamInvalid { .. }), [_]) => assert!(stream.len() > framed.len()),
        (Err(Error::UpstreamInvalid { .. }), _) => assert!(!stream.is_empty()),
        (Err(other), _) => panic!("a broken frame is told as {other:?}"),
    }
    if stream.len() > LIMIT + PREFIX {
        assert!(!matches!(deframe(&body, LIMIT), Ok(Some(_))));
    }
}

/// Reads a stream: its messages, and whether it ends within one, or the failure.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Bytes>, Result<bool, Error>) {
    let mut deframer = Deframer::new(LIMIT);
    let mut messages = Vec::new();
    for piece in pieces {
        deframer.push(piece);
        loop {
            match deframer.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Err(error)),
            }
        }
    }
    (messages, Ok(deframer.is_within_message()))
}
