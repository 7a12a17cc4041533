//! Refusals of the HTTP/1 parser, before there is an exchange: answered with a problem in place of
//! the parser's bare status, counted, and recorded.
//!
//! hyper answers such a head by itself and lets nobody change the answer, so it is recognised on
//! its way to the socket. Where it goes out together with an earlier response it stays as it is.

use bytes::Bytes;
use http::{Response, StatusCode, Version};
use time::OffsetDateTime;
use tollgate_chain::{Error, metric};

use super::Link;
use crate::ResponseBody;
use crate::access_log::{AccessRecord, Facts, Recording, fingerprint, protocol};
use crate::head::RequestId;
use crate::respond::{Caller, Ended, Protocol, Stamp};

/// Longest answer of the parser: a status line, a length and a date.
const BARE_BYTES_MAX: usize = 256;

impl<H> Link<H> {
    /// Returns the problem to send in place of these bytes, if they are the parser's own refusal.
    pub(super) fn problem_instead(&self, bytes: &[u8]) -> Option<Bytes> {
        if !self.state.is_within_head() || bytes.len() > BARE_BYTES_MAX {
            return None;
        }
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, rest) = text.split_once("\r\n\r\n")?;
        let status = head.strip_prefix("HTTP/1.1 4")?.get(..2)?;
        if !rest.is_empty() || head.contains("x-request-id") {
            return None;
        }

        let error = refused(format!("4{status}").parse().ok()?);
        let request_id = RequestId::random().unwrap_or_else(|_| RequestId::unknown());
        let response = self.refusal(&error, request_id.clone());
        // Only a first refusal is the parser's: the connection ends with it.
        self.state.refused(request_id).then(|| written(response, head))
    }

    fn refusal(&self, error: &Error, request_id: RequestId) -> Response<ResponseBody> {
        let caller = Caller {
            protocol: Protocol::Json,
            request_id: request_id.as_str(),
            instance: "",
            retry_after: None,
        };
        let responder = &self.shared.settings.responder;
        let mut response = responder.problem(error, &caller);

        let (secure, version) = (self.secure, Version::HTTP_11);
        let stamp = Stamp { request_id, secure, head: false, version, last: true };
        responder.finish(&mut response, &stamp);
        response
    }

    /// Counts and records what the parser refused.
    pub(super) fn note_refusal(&self, cause: &hyper::Error) {
        let error = match (cause.is_parse_too_large(), cause.to_string().contains("URI")) {
            (true, true) => Error::TargetTooLong,
            (true, false) => Error::HeadTooLarge,
            (false, _) => refused(StatusCode::BAD_REQUEST),
        };
        let request_id = self.state.refusal().unwrap_or_else(RequestId::unknown);
        let mut response = self.refusal(&error, request_id.clone());
        let code = response.extensions_mut().remove::<Ended>().map(|ended| ended.code);
        let reason = code.as_deref().unwrap_or_default().to_owned();
        metrics::counter!(metric::HEADS_UNPARSED, "reason" => reason).increment(1);

        let Some(log) = &self.shared.settings.access_log else { return };
        // Sent when it is dropped.
        let _ = Recording::new(
            log.clone(),
            AccessRecord {
                time: OffsetDateTime::now_utc(),
                request_id: request_id.as_str().into(),
                client: self.peer,
                method: "".into(),
                authority: "".into(),
                path: "".into(),
                protocol: protocol(Version::HTTP_11),
                tls: self.secure,
                client_certificate: fingerprint(self.client_certificate.as_ref()),
                status: response.status().as_u16(),
                code,
                internal: Some(cause.to_string().into()),
                response_bytes: 0,
                duration_us: 0,
                complete: true,
                facts: Facts::default(),
            },
        );
    }
}

/// The error that a status of the parser's stands for.
fn refused(status: StatusCode) -> Error {
    match status {
        StatusCode::URI_TOO_LONG => Error::TargetTooLong,
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Error::HeadTooLarge,
        _ => Error::MalformedRequest { detail: "the request head is not valid HTTP/1.1".into() },
    }
}

/// The response as bytes, with the date of the parser's.
fn written(response: Response<ResponseBody>, bare: &str) -> Bytes {
    let (parts, body) = response.into_parts();
    let body = body.into_whole();
    let mut bytes = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();

    for (name, value) in &parts.headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }

    if let Some(date) = bare.lines().find(|line| line.starts_with("date: ")) {
        bytes.extend_from_slice(date.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }

    bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(&body);
    bytes.into()
}
