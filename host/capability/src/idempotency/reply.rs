//! A reply as it is stored: status, body, and the fields that describe the representation.
//! Date, request id, quota, CORS are the replaying exchange's own.

use std::fmt;

use bytes::{Bytes, BytesMut};
use http::header::{
    CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, ETAG, LAST_MODIFIED, LINK,
    LOCATION,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use smallvec::SmallVec;

/// Longest body that is stored; of a reply with a longer one, a retry is carried out again
/// (and the service answers it from its own record).
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// The fields that say what the body is and what it is about: a replay without one of them would be
/// another answer.
const STORED: [HeaderName; 8] = [
    CONTENT_TYPE,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LOCATION,
    LOCATION,
    ETAG,
    LAST_MODIFIED,
    LINK,
];
/// Most lines of these fields that are stored.
const STORED_LINES_MAX: usize = 16;

/// A reply for retries: to be stored, or read from a store.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredReply {
    /// The status.
    pub status: StatusCode,
    /// The fields of the representation, such as `Content-Type` and `Content-Encoding`; nothing else.
    pub headers: Box<[(HeaderName, HeaderValue)]>,
    /// The exact bytes.
    pub body: Bytes,
}

impl StoredReply {
    /// Creates the stored form of a reply. Copies it into one buffer: the buffers of a connection are
    /// many times as large, and a record would keep them for as long as it lives.
    #[must_use]
    pub fn new(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Self {
        let lines = STORED.into_iter().flat_map(|name| {
            headers.get_all(&name).into_iter().map(move |value| (value, name.clone()))
        });
        let present: SmallVec<[_; 4]> = lines.take(STORED_LINES_MAX).collect();
        // A body that is too long is dropped by the store anyway.
        let fits = body.len() <= BODY_BYTES_MAX;
        let values: usize = present.iter().map(|(value, _)| value.len()).sum();
        let mut copy = BytesMut::with_capacity(values + if fits { body.len() } else { 0 });
        present.iter().for_each(|(value, _)| copy.extend_from_slice(value.as_bytes()));
        if fits {
            copy.extend_from_slice(&body);
        }
        let mut copy = copy.freeze();
        let field = |(value, name): (&HeaderValue, HeaderName)| {
            let copied = HeaderValue::from_maybe_shared(copy.split_to(value.len()));
            copied.ok().map(|value| (name, value))
        };
        let kept = present.into_iter().filter_map(field).collect();
        Self { status, headers: kept, body: if fits { copy } else { body } }
    }

    /// Returns true if the body is too long to be stored.
    #[must_use]
    pub fn is_elided(&self) -> bool {
        self.body.len() > BODY_BYTES_MAX
    }
}

impl fmt::Debug for StoredReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A body is the tenant's data.
        f.debug_struct("StoredReply")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fields_of_the_representation_are_stored() {
        let mut headers = HeaderMap::new();
        for name in [
            "content-type",
            "location",
            "etag",
            "content-encoding",
            "content-language",
            "content-location",
            "last-modified",
            "date",
            "x-request-id",
            "ratelimit",
            "access-control-allow-origin",
            "set-cookie",
            "vary",
            "content-length",
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("v"));
        }

        headers.append(LINK, HeaderValue::from_static("</a>; rel=\"next\""));
        headers.append(LINK, HeaderValue::from_static("</b>; rel=\"prev\""));

        let reply = StoredReply::new(StatusCode::OK, &headers, Bytes::from_static(b"tenant data"));
        let mut kept: Vec<_> = reply.headers.iter().map(|(name, _)| name.as_str()).collect();
        kept.sort_unstable();
        let expected = [
            "content-encoding",
            "content-language",
            "content-location",
            "content-type",
            "etag",
            "last-modified",
            "link",
            "link",
            "location",
        ];
        assert_eq!(kept, expected);
        assert!(!format!("{reply:?}").contains("tenant data"));
    }

    #[test]
    fn a_record_keeps_no_buffer_of_a_connection() {
        let read = Bytes::from(vec![b'a'; 8 * 1024]);
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_maybe_shared(read.slice(..4)).unwrap();
        headers.insert(CONTENT_TYPE, value);
        let reply = StoredReply::new(StatusCode::OK, &headers, read.slice(..90));
        drop(headers);
        assert!(read.is_unique(), "the record holds on to what was read");
        assert_eq!(reply.body.len(), 90);
    }
}
