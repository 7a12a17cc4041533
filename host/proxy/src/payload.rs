//! The body of a request on its way through: unread, read and translated, or streamed.

mod buffer;
mod messages;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use parking_lot::Mutex;
use ring::digest::{Context, SHA256};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout};
use tollgate_chain::{Error, Fingerprint, Head, Payload, Prepared, RouteLimits};
use tollgate_edge::{BodyTimeouts, Protocol, RequestBody};
use tollgate_transcode::{EVENT_STREAM, JSON, NDJSON, Transcoder};

use self::buffer::BufferRoom;
use self::messages::CappedMessages;
use crate::forward::requested_deadline;

/// Longest wait for a body of unknown length before it is passed on as it comes.
const UNDECLARED_WAIT_MAX: Duration = Duration::from_secs(1);

/// The body of one exchange. Whoever asks first reads it; everybody gets the same result.
#[derive(Debug)]
pub(crate) struct RequestPayload {
    head: Arc<Head>,
    form: PayloadForm,
    unread: Mutex<Option<RequestBody>>,
    read: OnceCell<Result<Read, Error>>,
}

/// The form and the bounds of a body.
#[derive(Debug)]
pub(crate) struct PayloadForm {
    /// The protocol of the caller.
    pub(crate) protocol: Protocol,
    /// The bounds of the Route.
    pub(crate) limits: RouteLimits,
    /// The translation, where the Route has one.
    pub(crate) transcoder: Option<Arc<Transcoder>>,
    /// The values of the path template's variables.
    pub(crate) variables: Vec<(Box<str>, String)>,
}

impl PayloadForm {
    /// Tells whether the body is a stream of messages, passed on one by one for as long as the
    /// exchange lasts.
    fn is_stream(&self) -> bool {
        let has_messages = matches!(
            self.protocol,
            Protocol::Grpc
                | Protocol::GrpcWeb
                | Protocol::ConnectStreamProto
                | Protocol::ConnectStreamJson
        );
        has_messages && self.transcoder.is_none()
    }

    fn bound(&self, body: RequestBody) -> RequestBody {
        let RouteLimits { body_bytes_max, timeout, .. } = self.limits;
        if self.is_stream() {
            return body.with_bounds(usize::MAX, BodyTimeouts::streaming(timeout));
        }
        let timeouts = BodyTimeouts { whole: timeout, ..BodyTimeouts::default() };
        body.with_bounds(body_bytes_max, timeouts)
    }
}

/// A body that was read.
#[derive(Debug, Clone)]
struct Read {
    /// The bytes that the caller sent.
    raw: Bytes,
    /// The bytes that the upstream gets.
    translated: Bytes,
}

/// A body on its way out.
pub(crate) enum RequestBodyOut {
    /// Read before.
    Whole {
        /// The body.
        bytes: Bytes,
        /// Its room among the bodies that are held, to be kept until it is sent.
        room: Option<BufferRoom>,
    },
    /// Passed on as it comes.
    Stream(RequestBody),
    /// Passed on as its messages come, each of them bounded.
    Messages(CappedMessages),
}

impl RequestPayload {
    pub(crate) fn new(head: Arc<Head>, body: RequestBody, form: PayloadForm) -> Self {
        let unread = Mutex::new(Some(form.bound(body)));
        Self { head, form, unread, read: OnceCell::new() }
    }

    /// Tells whether the body is a stream of messages.
    pub(crate) fn is_stream(&self) -> bool {
        self.form.is_stream()
    }

    /// The protocol of the caller.
    pub(crate) fn protocol(&self) -> Protocol {
        self.form.protocol
    }

    /// Reads and translates the body, or gives what came of it earlier.
    pub(crate) async fn translated(&self) -> Result<Bytes, Error> {
        self.read().await.map(|read| read.translated)
    }

    /// Reads the body as the caller sent it, or gives what came of it earlier.
    pub(crate) async fn raw(&self) -> Result<Bytes, Error> {
        self.read().await.map(|read| read.raw)
    }

    /// The body for an upstream that gets it as it is. A small one is read first, so that a caller
    /// who sends it slowly does not hold a place at the upstream meanwhile.
    pub(crate) async fn outgoing(&self) -> Result<RequestBodyOut, Error> {
        let whole = |bytes, room| Ok(RequestBodyOut::Whole { bytes, room });
        if self.read.initialized() {
            return whole(self.read().await?.raw, None);
        }
        let mut body = self.unread.lock().take().unwrap_or_else(RequestBody::empty);
        body.check_declared()?;
        if body.is_empty() {
            return whole(Bytes::new(), None);
        }
        if self.is_stream() {
            let limit = self.form.limits.body_bytes_max;
            return Ok(RequestBodyOut::Messages(CappedMessages::new(body, limit)));
        }

        let (least, most) = body.declared();
        let Some(room) = BufferRoom::take(least, most) else {
            return Ok(RequestBodyOut::Stream(body));
        };
        let ahead = body.read_ahead(BufferRoom::BYTES);
        let ended = match most {
            Some(_) => ahead.await?,
            // A body of unknown length may be one half of a conversation.
            None => timeout(UNDECLARED_WAIT_MAX, ahead).await.unwrap_or(Ok(false))?,
        };
        match ended {
            true => whole(body.collect().await?, Some(room)),
            false => Ok(RequestBodyOut::Stream(body)),
        }
    }

    async fn read(&self) -> Result<Read, Error> {
        self.read.get_or_init(|| self.read_now()).await.clone()
    }

    async fn read_now(&self) -> Result<Read, Error> {
        self.check_head()?;
        let body = self.unread.lock().take().unwrap_or_else(RequestBody::empty);
        let raw = body.collect().await?;
        let Some(transcoder) = &self.form.transcoder else {
            return Ok(Read { translated: raw.clone(), raw });
        };
        let content_type = self.head.headers.get(CONTENT_TYPE);
        let content_type = content_type.map(|value| value.to_str().unwrap_or("unreadable"));
        let query = self.head.query.as_deref();
        let translated =
            transcoder.request_framed(&self.form.variables, query, content_type, &raw)?;
        Ok(Read { raw, translated })
    }

    /// Refuses, by the head alone, bodies that would never be read.
    fn check_head(&self) -> Result<(), Error> {
        if self.form.transcoder.is_none() {
            return Ok(());
        }
        if !is_identity(&self.head.headers) {
            return Err(Error::ContentCodingUnsupported);
        }
        let transcoder = self.form.transcoder.as_ref();
        let streams = transcoder.is_some_and(|transcoder| transcoder.is_streaming());
        let types: &[&str] = if streams { &[JSON, NDJSON, EVENT_STREAM] } else { &[JSON] };
        if !accepts(&self.head.headers, types) {
            return Err(Error::NotAcceptable);
        }
        Ok(())
    }

    fn fingerprint(&self, raw: &[u8]) -> Fingerprint {
        let media_type = self.head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = media_type.unwrap_or_default().split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        let query = self.head.query.as_deref().unwrap_or_default();
        let mut context = Context::new(&SHA256);
        for part in [essence.as_bytes(), query.as_bytes(), raw] {
            // Lengths in front, so that no two triples run together to the same bytes.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut fingerprint = Fingerprint::default();
        fingerprint.copy_from_slice(context.finish().as_ref());
        fingerprint
    }
}

impl Payload for RequestPayload {
    fn prepare(&self) -> Prepared<'_> {
        Box::pin(async move {
            let deadline = requested_deadline(&self.head, self.protocol())?;
            let read = self.read().await?;

            // An operation that nobody waits for any more is not claimed.
            if deadline <= Instant::now() {
                return Err(Error::UpstreamTimeout);
            }
            Ok(self.fingerprint(&read.raw))
        })
    }
}

/// Tells whether the body has no content coding but `identity`.
fn is_identity(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(CONTENT_ENCODING).iter();
    lines.all(|line| {
        let mut codings = line.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        codings.all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity"))
    })
}

/// Tells whether `Accept` allows one of these types. Without a media range it allows everything.
fn accepts(headers: &HeaderMap, types: &[&str]) -> bool {
    let lines = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges = lines.flat_map(|line| line.split(',')).map(str::trim);
    let mut ranges = ranges.filter(|range| !range.is_empty()).peekable();
    ranges.peek().is_none() || ranges.any(|range| takes(range, types))
}

/// Returns whether a media range (RFC 9110 §12.5.1) covers one of these types.
pub(crate) fn takes(range: &str, types: &[&str]) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    let refused = parts.any(|parameter| {
        let weight = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="));
        weight.is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0))
    });
    let covers = types.iter().any(|media_type| {
        let main = media_type.split('/').next().unwrap_or_default();
        let is_main =
            media.strip_suffix("/*").is_some_and(|given| given.eq_ignore_ascii_case(main));
        media == "*/*" || is_main || media.eq_ignore_ascii_case(media_type)
    });
    covers && !refused
}

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue};

    use super::{EVENT_STREAM, JSON, NDJSON, accepts, is_identity, takes};

    fn headers(name: HeaderName, lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, HeaderValue::from_static(line));
        }
        headers
    }

    #[test]
    fn an_accept_field_without_a_range_excludes_nothing() {
        for lines in [&[][..], &[""], &[" , "], &["", "text/html, application/json"]] {
            assert!(accepts(&headers(ACCEPT, lines), &[JSON]), "{lines:?}");
        }
        assert!(!accepts(&headers(ACCEPT, &["", "text/html"]), &[JSON]));
    }

    #[test]
    fn a_coding_other_than_identity_is_noticed_on_every_line() {
        for lines in [&[][..], &["identity"], &["Identity", ""]] {
            assert!(is_identity(&headers(CONTENT_ENCODING, lines)), "{lines:?}");
        }
        for lines in [&["gzip"][..], &["identity", "br"], &["identity, gzip"]] {
            assert!(!is_identity(&headers(CONTENT_ENCODING, lines)), "{lines:?}");
        }
    }

    #[test]
    fn media_ranges_cover_json_unless_their_weight_is_zero() {
        for range in ["*/*", "application/json", " application/*;q=0.1", "Application/JSON;q=1"] {
            assert!(takes(range, &[JSON]), "{range}");
        }
        for range in ["text/html", "application/json;q=0", "*/*; q=0.0", "application/xml", ""] {
            assert!(!takes(range, &[JSON]), "{range}");
        }
        for range in ["application/x-ndjson", "text/event-stream", "text/*", "*/*;q=0.2"] {
            assert!(takes(range, &[JSON, NDJSON, EVENT_STREAM]), "{range}");
        }
        assert!(!takes("text/html", &[JSON, NDJSON, EVENT_STREAM]));
    }
}
