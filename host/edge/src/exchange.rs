//! One exchange on a connection: check the head, let the handler answer, finish the response,
//! keep the record.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;
use time::OffsetDateTime;
use tokio::time::{Instant, timeout};
use tollgate_chain::{Error, Head};

use crate::access_log::{
    AccessLog, AccessRecord, Facts, Recording, bounded, bounded_path, fingerprint, protocol,
};
use crate::body::RecordedBody;
use crate::head::{self, Checked, METHODS, Origin, RequestId};
use crate::listener::{ConnectionState, InFlight, Link, outgoing};
use crate::respond::{Caller, Ended, Protocol, Responder, Stamp, closes};
use crate::tunnel::Opening;
use crate::{RequestBody, ResponseBody, TunnelFacts};

/// Answers requests whose head passed its checks.
pub trait Handler: Clone + Send + Sync + 'static {
    /// Answers one request. The future is dropped when the caller goes away first; the body is
    /// read only if polled. [`Facts`] among the response's extensions go into the access log.
    fn handle(
        &self,
        head: Head,
        body: RequestBody,
    ) -> impl Future<Output = Response<ResponseBody>> + Send;
}

/// Answers one request of a connection.
pub(crate) async fn exchange<H: Handler>(
    link: Arc<Link<H>>,
    request: Request<Incoming>,
) -> Result<Response<RecordedBody>, Infallible> {
    let flight = InFlight::begin(&link.state);
    let settings = &link.shared.settings;
    let (mut parts, incoming) = request.into_parts();
    let (version, is_head) = (parts.version, parts.method == Method::HEAD);
    let (request_id, drawn) = match RequestId::take(&mut parts.headers) {
        Ok(request_id) => (request_id, Ok(())),
        Err(error) => (RequestId::unknown(), Err(error)),
    };
    let head = (version, &parts.headers);
    let body = RequestBody::incoming(incoming, head, &settings.limits, &link.state);
    let checked =
        drawn.and_then(|()| head::check(&mut parts, link.origin(), &settings.limits, &request_id));

    let log = settings.access_log.as_ref();
    let mut ending = Ending { flight, recording: None };
    let (mut is_framed, mut opening) = (true, None);
    let (mut response, secure) = match checked {
        Ok(Checked::Request(mut head)) => {
            head.source = link.source(head.client);
            let secure = head.secure;
            ending.recording = log.map(|log| record(log, &head, version));
            opening = Opening::of(&mut parts, &head);
            (link.shared.handler.handle(head, body).await, secure)
        }
        Ok(Checked::ServerOptions) => {
            ending.recording = log.map(|log| unchecked(log, &parts, &request_id, link.origin()));
            drop(body);
            (server_options(), link.secure)
        }
        Err(error) => {
            ending.recording = log.map(|log| unchecked(log, &parts, &request_id, link.origin()));
            is_framed = head::is_framing_sound(&parts);
            drop(body);
            (refuse(&settings.responder, &error, &parts, &request_id), link.secure)
        }
    };

    if let Some(opening) = &opening {
        check_opened(opening, &link, &mut response, &request_id, parts.uri.path());
    }

    let last = link.shared.draining.load(Ordering::Relaxed)
        || link.state.is_old()
        || !is_framed
        || (link.state.is_within_body() && !is_drained(&link.state, response.status()).await);
    let stamp = Stamp { request_id, secure, head: is_head, version, last };
    settings.responder.finish(&mut response, &stamp);
    if let (Some(opening), Some(tunnel)) = (opening, response.body_mut().take_tunnel()) {
        let tunnelled = std::mem::replace(&mut ending, Ending::begin_after(&link.state));
        opening.begin(&mut response, tunnel, tunnelled, &link);
    }
    ending.note(&mut response);

    Ok(RecordedBody::of(response, version, ending))
}

/// Refuses a handshake that a drain would end at once, and an answer that only looks like a tunnel.
fn check_opened<H>(
    opening: &Opening,
    link: &Link<H>,
    response: &mut Response<ResponseBody>,
    request_id: &RequestId,
    instance: &str,
) {
    let is_tunnel = response.body().is_tunnel();
    let error = if is_tunnel && link.shared.draining.load(Ordering::Relaxed) {
        Error::Draining
    } else {
        match opening.check(response) {
            Err(error) if !is_tunnel => error,
            Ok(()) | Err(_) => return,
        }
    };

    let protocol = Protocol::Json;
    let caller = Caller { protocol, request_id: request_id.as_str(), instance, retry_after: None };
    let facts = response.extensions_mut().remove::<Facts>();
    *response = link.shared.settings.responder.problem(&error, &caller);
    if let Some(facts) = facts {
        response.extensions_mut().insert(facts);
    }
}

/// Reads what is left of the request's body if that is little and comes soon, so that the
/// connection can carry the next request. Returns false where the connection has to end with this
/// response, which then says so: a next request that is on its way already would be lost.
async fn is_drained(state: &ConnectionState, status: StatusCode) -> bool {
    let Some(mut rest) = state.settle_body() else { return false };
    let is_worth_it = !closes(status) && rest.size_hint().lower() <= DRAINED_BYTES_MAX;
    let mut left = DRAINED_BYTES_MAX;
    let reading = async {
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut rest).poll_frame(cx)).await {
            let frame = frame.ok()?;
            left = left.checked_sub(frame.data_ref().map_or(0, Bytes::len) as u64)?;
        }
        Some(())
    };

    if is_worth_it && matches!(timeout(DRAIN_MAX, reading).await, Ok(Some(()))) {
        state.body_ended();
        return true;
    }
    state.left_unread();
    false
}

/// The most bytes of an unread body, and the longest wait for them, before its answer is sent.
const DRAINED_BYTES_MAX: u64 = 64 * 1024;
const DRAIN_MAX: Duration = Duration::from_millis(100);

fn server_options() -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(http::header::ALLOW, http::HeaderValue::from_static(METHODS));
    response
}

fn refuse(
    responder: &Responder,
    error: &Error,
    parts: &Parts,
    request_id: &RequestId,
) -> Response<ResponseBody> {
    // A caller of gRPC over HTTP/1 cannot read a gRPC status either.
    let protocol =
        if *error == Error::VersionTooLow { Protocol::Json } else { Protocol::of(&parts.headers) };
    let caller = Caller {
        protocol,
        request_id: request_id.as_str(),
        instance: parts.uri.path(),
        retry_after: None,
    };
    responder.problem(error, &caller)
}

fn record(log: &AccessLog, head: &Head, version: Version) -> Recording {
    Recording::new(
        log.clone(),
        AccessRecord {
            time: OffsetDateTime::now_utc(),
            request_id: head.request_id.clone(),
            client: head.client,
            method: head.method.as_str().into(),
            authority: head.authority.as_str().into(),
            path: bounded_path(&head.path),
            protocol: protocol(version),
            tls: head.secure,
            client_certificate: fingerprint(head.client_certificate.as_ref()),
            status: 0,
            code: None,
            internal: None,
            response_bytes: 0,
            duration_us: 0,
            complete: false,
            facts: Facts::default(),
        },
    )
}

fn unchecked(
    log: &AccessLog,
    parts: &Parts,
    request_id: &RequestId,
    origin: Origin<'_>,
) -> Recording {
    Recording::new(
        log.clone(),
        AccessRecord {
            time: OffsetDateTime::now_utc(),
            request_id: request_id.as_str().into(),
            client: origin.peer,
            method: bounded(parts.method.as_str()),
            // Of an unchecked authority nothing is kept: it may carry a password.
            authority: "".into(),
            path: bounded_path(parts.uri.path()),
            protocol: protocol(parts.version),
            tls: origin.secure,
            client_certificate: fingerprint(origin.client_certificate),
            status: 0,
            code: None,
            internal: None,
            response_bytes: 0,
            duration_us: 0,
            complete: false,
            facts: Facts::default(),
        },
    )
}

/// Ends the exchange when it is dropped: when the response is through, or cut off.
#[derive(Debug)]
pub(crate) struct Ending {
    /// Held for its drop too: it ends the exchange on the connection.
    flight: InFlight,
    recording: Option<Recording>,
}

impl Ending {
    /// Holds the connection for the response that begins a tunnel, which has a record of its own.
    fn begin_after(state: &Arc<ConnectionState>) -> Self {
        Self { flight: InFlight::begin(state), recording: None }
    }

    /// Notes how the tunnel ended that the exchange became.
    pub(crate) fn tunnelled(&mut self, facts: TunnelFacts) {
        self.with(|record| record.facts.tunnel = Some(facts));
    }

    /// Takes from the response what the record tells of it.
    pub(crate) fn note(&mut self, response: &mut Response<ResponseBody>) {
        let Some(recording) = &mut self.recording else { return };
        let status = response.status().as_u16();
        let ended = response.extensions_mut().remove::<Ended>();
        let facts = response.extensions_mut().remove::<Facts>();
        recording.with(|record| {
            record.status = status;
            if let Some(ended) = ended {
                record.code = Some(ended.code);
                record.internal = ended.internal;
            }
            if let Some(facts) = facts {
                record.facts = facts;
            }
        });
    }

    /// The response's head is written; its body must be over by the deadline.
    pub(crate) fn begin(&self, deadline: Option<Instant>) {
        if !outgoing::begin(deadline) {
            self.flight.respond_by(deadline);
        }
    }

    /// The caller did not take the response in time.
    pub(crate) fn cut(&mut self) {
        self.with(|record| record.internal = Some("the caller did not take the response".into()));
    }

    pub(crate) fn sent(&mut self, bytes: usize) {
        self.with(|record| record.response_bytes += bytes as u64);
    }

    pub(crate) fn broke(&mut self, error: &Error) {
        self.with(|record| {
            record.internal = Some(error.internal().unwrap_or_else(|| error.to_string()).into());
        });
    }

    pub(crate) fn complete(&mut self) {
        self.with(|record| record.complete = true);
    }

    fn with(&mut self, change: impl FnOnce(&mut AccessRecord)) {
        if let Some(recording) = &mut self.recording {
            recording.with(change);
        }
    }
}
