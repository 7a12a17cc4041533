//! A reply as it is stored: status, body, and the fields that describe the representation.
//! Date, request id, quota, CORS are the replaying exchange's own.

use std::fmt;

use bytes::Bytes;
use http::header::{CONTENT_LANGUAGE, CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderMap, HeaderName, StatusCode};

/// Longest body that is stored; of a reply with a longer one, a retry is carried out again
/// (and the service answers it from its own record).
pub const BODY_BYTES_MAX: usize = 256 * 1024;

const STORED: [HeaderName; 4] = [CONTENT_TYPE, LOCATION, ETAG, CONTENT_LANGUAGE];

/// A reply to be stored, or that was.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredReply {
    /// The status.
    pub status: StatusCode,
    /// `Content-Type`, `Location`, `ETag` and `Content-Language`; nothing else.
    pub headers: HeaderMap,
    /// The exact bytes.
    pub body: Bytes,
}

impl StoredReply {
    /// Takes what is stored from a reply.
    #[must_use]
    pub fn new(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Self {
        let mut kept = HeaderMap::new();
        for name in STORED {
            if let Some(value) = headers.get(&name) {
                kept.insert(name, value.clone());
            }
        }
        Self { status, headers: kept, body }
    }

    /// Whether the body is too long to be stored.
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
            "content-language",
            "date",
            "x-request-id",
            "ratelimit",
            "access-control-allow-origin",
            "set-cookie",
            "vary",
            "content-length",
        ] {
            headers.insert(HeaderName::from_static(name), http::HeaderValue::from_static("v"));
        }
        let reply = StoredReply::new(StatusCode::OK, &headers, Bytes::from_static(b"tenant data"));
        let mut kept: Vec<_> = reply.headers.keys().map(HeaderName::as_str).collect();
        kept.sort_unstable();
        assert_eq!(kept, ["content-language", "content-type", "etag", "location"]);
        assert!(!format!("{reply:?}").contains("tenant data"));
    }
}
