//! Responses that are read to their end before they are passed on.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame};
use tollgate_chain::Error;
use tollgate_edge::ResponseBody;

/// Gives its frames one by one and is pending before each; the flag lives as long as the body.
struct Frames {
    rest: VecDeque<Result<Frame<Bytes>, Error>>,
    is_ready: bool,
    _alive: Arc<()>,
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.is_ready = !self.is_ready;
        if self.is_ready {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.rest.pop_front())
    }
}

fn data(text: &'static str) -> Result<Frame<Bytes>, Error> {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

fn stream(
    frames: impl IntoIterator<Item = Result<Frame<Bytes>, Error>>,
) -> (ResponseBody, Arc<()>) {
    let alive = Arc::new(());
    let rest = frames.into_iter().collect();
    let frames = Frames { rest, is_ready: false, _alive: Arc::clone(&alive) };
    (ResponseBody::stream(frames), alive)
}

#[tokio::test]
async fn a_body_of_several_pieces_is_joined_in_order_and_its_trailers_are_dropped() {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = [data("one "), data(""), data("two"), Ok(Frame::trailers(trailers))];
    let (body, _) = stream(frames);
    assert_eq!(body.read_whole(7).await, Ok(Bytes::from_static(b"one two")));
}

#[tokio::test]
async fn a_body_of_one_piece_is_not_copied() {
    let piece = Bytes::from(vec![7; 4_096]);
    let (body, _) = stream([Ok(Frame::data(piece.clone()))]);
    let whole = body.read_whole(4_096).await.unwrap();
    assert_eq!(whole.as_ptr(), piece.as_ptr());

    let whole = ResponseBody::full(piece.clone()).read_whole(4_096).await.unwrap();
    assert_eq!(whole.as_ptr(), piece.as_ptr());
}

#[tokio::test]
async fn an_empty_body_is_read_whatever_the_limit() {
    assert_eq!(ResponseBody::empty().read_whole(0).await, Ok(Bytes::new()));
    let (body, _) = stream([]);
    assert_eq!(body.read_whole(0).await, Ok(Bytes::new()));
}

#[tokio::test]
async fn a_body_past_the_limit_is_refused_at_its_first_byte_too_many_and_dropped() {
    let (body, alive) = stream([data("four"), data("five!"), data("never asked for")]);
    let refused = body.read_whole(8).await;
    let Err(Error::UpstreamInvalid { internal }) = refused else { panic!("{refused:?}") };
    assert!(internal.contains("more than 8 bytes"), "{internal}");
    assert_eq!(Arc::strong_count(&alive), 1, "the upstream's stream is held");

    let at_once = ResponseBody::full("123456789").read_whole(8).await;
    assert!(matches!(at_once, Err(Error::UpstreamInvalid { .. })), "{at_once:?}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error_and_never_a_shorter_answer() {
    let broken = Error::UpstreamUnavailable { internal: "reset".to_owned(), unsent: false };
    let (body, _) = stream([data("half"), Err(broken.clone()), data("more")]);
    assert_eq!(body.read_whole(100).await, Err(broken));
}
