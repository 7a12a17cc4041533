//! The body of a stream of messages, each of them bounded. gRPC, gRPC-Web and Connect streams put
//! the same five bytes before a message: flags, and its length.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tollgate_chain::Error;
use tollgate_edge::RequestBody;
use tollgate_transcode::grpc::PREFIX;

/// A body that fails at the prefix of a message that is longer than `limit`. Nothing is held back.
#[derive(Debug)]
pub(crate) struct CappedMessages {
    body: RequestBody,
    prefixes: PrefixReader,
}

/// Reads the prefixes of messages as their bytes pass.
#[derive(Debug)]
struct PrefixReader {
    limit: usize,
    prefix: [u8; PREFIX],
    /// Bytes of the prefix that have come.
    filled: usize,
    /// Bytes of the message that have not.
    left: usize,
}

impl CappedMessages {
    pub(crate) fn new(body: RequestBody, limit: usize) -> Self {
        Self { body, prefixes: PrefixReader { limit, prefix: [0; PREFIX], filled: 0, left: 0 } }
    }
}

impl PrefixReader {
    fn read(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while let Some((byte, rest)) = bytes.split_first() {
            if self.left > 0 {
                let passed = self.left.min(bytes.len());
                self.left -= passed;
                bytes = bytes.get(passed..).unwrap_or_default();
                continue;
            }

            if let Some(free) = self.prefix.get_mut(self.filled) {
                *free = *byte;
            }
            self.filled += 1;
            bytes = rest;

            if self.filled == PREFIX {
                let [_, length @ ..] = self.prefix;
                self.filled = 0;
                self.left = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
                if self.left > self.limit {
                    return Err(Error::BodyTooLarge { limit: self.limit });
                }
            }
        }
        Ok(())
    }
}

impl Body for CappedMessages {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(bytes) = frame.data_ref()
            && let Err(error) = self.prefixes.read(bytes)
        {
            return Poll::Ready(Some(Err(error)));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(limit: usize) -> PrefixReader {
        PrefixReader { limit, prefix: [0; PREFIX], filled: 0, left: 0 }
    }

    fn message(length: u8) -> Vec<u8> {
        let mut framed = vec![0, 0, 0, 0, length];
        framed.resize(PREFIX + usize::from(length), 7);
        framed
    }

    #[test]
    fn each_message_is_bounded_and_not_their_sum() {
        let stream: Vec<u8> = (0..100).flat_map(|_| message(10)).collect();
        for cut in 1..40 {
            let mut reader = reader(10);
            let read = stream.chunks(cut).try_for_each(|piece| reader.read(piece));
            assert_eq!(read, Ok(()), "in pieces of {cut}");
        }
    }

    #[test]
    fn a_message_that_is_too_long_fails_at_its_prefix() {
        let stream = [message(10), message(0), vec![1, 0, 0, 0, 11]].concat();
        for cut in 1..20 {
            let mut reader = reader(10);
            let read = stream.chunks(cut).try_for_each(|piece| reader.read(piece));
            assert_eq!(read, Err(Error::BodyTooLarge { limit: 10 }), "in pieces of {cut}");
        }
    }
}
