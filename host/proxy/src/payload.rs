//! The body of a request on its way through: unread, read and translated, or streamed.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use parking_lot::Mutex;
use ring::digest::{Context, SHA256};
use tokio::sync::OnceCell;
use tollgate_chain::{Error, Fingerprint, Head, Payload, Prepared};
use tollgate_edge::{BodyTimeouts, RequestBody};
use tollgate_transcode::{JSON, Transcoder};

/// The media type of a stream of messages, one in each line.
pub(crate) const NDJSON: &str = "application/x-ndjson";
/// The media type of server-sent events (WHATWG HTML §9.2).
pub(crate) const EVENT_STREAM: &str = "text/event-stream";

/// The body of one exchange. Whoever asks first reads it; everybody gets the same result.
#[derive(Debug)]
pub(crate) struct RequestPayload {
    head: Arc<Head>,
    transcoder: Option<Arc<Transcoder>>,
    variables: Vec<(Box<str>, String)>,
    unread: Mutex<Option<RequestBody>>,
    read: OnceCell<Result<Read, Error>>,
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
    Whole(Bytes),
    /// Passed on as it comes.
    Stream(RequestBody),
}

impl RequestPayload {
    pub(crate) fn new(
        head: Arc<Head>,
        body: RequestBody,
        body_bytes_max: usize,
        transcoder: Option<Arc<Transcoder>>,
        variables: Vec<(Box<str>, String)>,
    ) -> Self {
        let body = body.with_bounds(body_bytes_max, BodyTimeouts::default());
        Self { head, transcoder, variables, unread: Mutex::new(Some(body)), read: OnceCell::new() }
    }

    /// Reads and translates the body, or gives what came of it earlier.
    pub(crate) async fn translated(&self) -> Result<Bytes, Error> {
        self.read().await.map(|read| read.translated)
    }

    /// Reads the body as the caller sent it, or gives what came of it earlier.
    pub(crate) async fn raw(&self) -> Result<Bytes, Error> {
        self.read().await.map(|read| read.raw)
    }

    /// The body for an upstream that gets it as it is.
    pub(crate) async fn outgoing(&self) -> Result<RequestBodyOut, Error> {
        if self.read.initialized() {
            return self.read().await.map(|read| RequestBodyOut::Whole(read.raw));
        }
        let body = self.unread.lock().take().unwrap_or_else(RequestBody::empty);
        body.check_declared()?;
        if body.is_empty() {
            Ok(RequestBodyOut::Whole(Bytes::new()))
        } else {
            Ok(RequestBodyOut::Stream(body))
        }
    }

    async fn read(&self) -> Result<Read, Error> {
        self.read.get_or_init(|| self.read_now()).await.clone()
    }

    async fn read_now(&self) -> Result<Read, Error> {
        self.check_head()?;
        let body = self.unread.lock().take().unwrap_or_else(RequestBody::empty);
        let raw = body.collect().await?;
        let Some(transcoder) = &self.transcoder else {
            return Ok(Read { translated: raw.clone(), raw });
        };
        let content_type = self.head.headers.get(CONTENT_TYPE);
        let content_type = content_type.map(|value| value.to_str().unwrap_or("unreadable"));
        let query = self.head.query.as_deref();
        let translated = transcoder.request_framed(&self.variables, query, content_type, &raw)?;
        Ok(Read { raw, translated })
    }

    /// Refuses, by the head alone, bodies that would never be read.
    fn check_head(&self) -> Result<(), Error> {
        if self.transcoder.is_none() {
            return Ok(());
        }
        if !is_identity(&self.head.headers) {
            return Err(Error::ContentCodingUnsupported);
        }
        let streams = self.transcoder.as_ref().is_some_and(|transcoder| transcoder.is_streaming());
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
            let read = self.read().await?;
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
