//! The record of an exchange in the access log.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http::Version;
use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tollgate_chain::{ClientCertificate, GrpcCode};
use tollgate_terms::api_key::without_keys;

use super::AccessLog;
use crate::TunnelFacts;

/// Facts of an exchange that only the gateway knows. Put it into the response's extensions; the
/// listener moves it into the record.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Facts {
    /// Name of the Route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<Arc<str>>,
    /// The tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Box<str>>,
    /// `sandbox` or `live`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<&'static str>,
    /// Identifier of the API key; never the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<Box<str>>,
    /// The policy that ended the exchange.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Arc<str>>,
    /// The upstream that the request went to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Arc<str>>,
    /// Microseconds from sending to the upstream to its response's head.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_us: Option<u64>,
    /// The gRPC status of the upstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc_status: Option<GrpcCode>,
    /// Number of the Snapshot that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// The end of a WebSocket, where the exchange opened one. The listener writes it.
    #[serde(flatten)]
    pub tunnel: Option<TunnelFacts>,
}

/// One line of the access log.
#[derive(Debug, Serialize)]
pub(crate) struct AccessRecord {
    #[serde(serialize_with = "rfc3339")]
    pub(crate) time: OffsetDateTime,
    pub(crate) request_id: Box<str>,
    pub(crate) client: IpAddr,
    /// Empty, like the two that follow, where the parser refused the head.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) method: Box<str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) authority: Box<str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) path: Box<str>,
    pub(crate) protocol: &'static str,
    pub(crate) tls: bool,
    /// The fingerprint of the certificate that the connection's peer showed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_certificate: Option<Box<str>>,
    /// 0 when the exchange ended before there was a response.
    pub(crate) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) internal: Option<Box<str>>,
    pub(crate) response_bytes: u64,
    pub(crate) duration_us: u64,
    /// Set when the whole response was handed to the connection.
    pub(crate) complete: bool,
    #[serde(flatten)]
    pub(crate) facts: Facts,
}

/// A record in the making; it is sent when dropped, so that none is lost however the exchange
/// ends.
#[derive(Debug)]
pub(crate) struct Recording {
    log: AccessLog,
    started: Instant,
    record: Option<Box<AccessRecord>>,
}

impl Recording {
    pub(crate) fn new(log: AccessLog, record: AccessRecord) -> Self {
        Self { log, started: Instant::now(), record: Some(Box::new(record)) }
    }

    pub(crate) fn with(&mut self, change: impl FnOnce(&mut AccessRecord)) {
        if let Some(record) = &mut self.record {
            change(record);
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if let Some(mut record) = self.record.take() {
            let micros = self.started.elapsed().as_micros();
            record.duration_us = u64::try_from(micros).unwrap_or(u64::MAX);
            self.log.push(record);
        }
    }
}

/// The protocol's usual name.
pub(crate) fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_11 => "HTTP/1.1",
        Version::HTTP_2 => "HTTP/2",
        _ => "other",
    }
}

/// The fingerprint of a certificate, as recorded.
pub(crate) fn fingerprint(certificate: Option<&Arc<ClientCertificate>>) -> Option<Box<str>> {
    certificate.map(|certificate| certificate.identity.fingerprint.clone())
}

/// A path as recorded: without keys, and bounded, since a record may wait.
pub(crate) fn bounded_path(path: &str) -> Box<str> {
    bounded(&without_keys(path))
}

/// A text of a caller's as recorded: bounded, since a record may wait.
pub(crate) fn bounded(text: &str) -> Box<str> {
    const MAX: usize = 512;
    match text.char_indices().nth(MAX) {
        Some((end, _)) => text.get(..end).unwrap_or_default().into(),
        None => text.into(),
    }
}

fn rfc3339<S: Serializer>(time: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    let text = time.format(&Rfc3339).map_err(serde::ser::Error::custom)?;
    serializer.serialize_str(&text)
}
