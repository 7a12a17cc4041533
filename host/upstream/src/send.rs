//! The life of one request towards a service: prepared, sent over a chosen endpoint, answered or
//! failed, within its deadline.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, EXPECT, HOST, HeaderValue, TE, TRANSFER_ENCODING};
use http::uri::{PathAndQuery, Uri};
use http::{Extensions, Method, Request, Response, StatusCode, Version};
use http_body::Body;
use tokio::time::{Instant, timeout_at};
use tollgate_chain::{Error, UpstreamState, metric};

use crate::balance::Balance;
use crate::body::UpstreamBody;
use crate::caller::CallerKey;
use crate::connect::{ClientTls, Target};
use crate::fields::{strip_answer, strip_hop_by_hop};
use crate::outgoing::{BodyRecord, OutboundBody};
use crate::pool::{Attempt, Endpoint, PooledAnswer};
use crate::retry::{AttemptFailure, Budget, RetryState, Safety};
use crate::settings::{UpstreamSettings, WireProtocol};
use crate::websocket::HandshakeKey;

/// Makes a request once more, where that can be done.
pub(crate) type Make<'a> = dyn Fn() -> Option<Box<Request<OutboundBody>>> + Send + Sync + 'a;

/// A request, and how it is made once more.
struct Repeated<'a> {
    request: Box<Request<OutboundBody>>,
    make: &'a Make<'a>,
    /// The handshake that it is, if it is one.
    handshake: Option<&'a HandshakeKey>,
}

/// The bounds of one request, and on whose behalf it is sent.
#[derive(Debug, Clone, Copy)]
pub struct SendBounds {
    /// When the whole exchange must be over, the answer's body included.
    pub deadline: Instant,
    /// Longest time in which neither side of a stream sends anything; `None` where the deadline
    /// alone holds.
    pub idle: Option<Duration>,
    /// The safety of sending it again.
    pub safety: Safety,
    /// The caller whose share of the upstream it uses.
    pub caller: CallerKey,
}

impl SendBounds {
    /// The bounds of a request of the gateway's own.
    #[must_use]
    pub fn new(deadline: Instant, safety: Safety) -> Self {
        Self { deadline, idle: None, safety, caller: CallerKey::GATEWAY }
    }
}

/// A service behind the gate: its endpoints, and the connections to them.
pub struct Upstream {
    settings: UpstreamSettings,
    balance: Balance,
    budget: Budget,
    label: Arc<str>,
}

impl Upstream {
    /// Checks the settings and reads the trust anchors. Connects to nothing and needs no runtime;
    /// it may block for a few milliseconds where the native roots are read.
    ///
    /// # Errors
    /// When no connection could ever be made with these settings.
    pub fn new(settings: UpstreamSettings) -> Result<Self, crate::Error> {
        if settings.connections_max == 0 {
            return Err(crate::Error::NoConnections);
        }
        let balance = Balance::new(endpoints(&settings)?);
        let label = (*settings.name).into();
        Ok(Self { settings, balance, budget: Budget::new(), label })
    }

    /// Returns the settings that it was made from.
    #[must_use]
    pub fn settings(&self) -> &UpstreamSettings {
        &self.settings
    }

    /// Ready while at least one endpoint takes requests, or is due for a trial.
    #[must_use]
    pub fn state(&self) -> UpstreamState {
        if self.balance.endpoints().iter().any(|endpoint| endpoint.health.is_open()) {
            UpstreamState::Ready
        } else {
            UpstreamState::Unavailable
        }
    }

    /// Sends a request with a streamed body, and waits for the head of the answer. A body that was
    /// begun is never sent again; an empty one may be.
    ///
    /// The deadline holds for the whole exchange, the answer's body included. Dropping the future
    /// or the answer resets the stream.
    ///
    /// # Errors
    /// [`Error::UpstreamTimeout`], [`Error::UpstreamUnavailable`], [`Error::UpstreamInvalid`],
    /// [`Error::Overloaded`] when too many requests wait already, and the request body's own
    /// [`Error`] where that is what failed.
    pub async fn send<B>(
        &self,
        request: Request<B>,
        bounds: SendBounds,
    ) -> Result<Response<UpstreamBody>, Error>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let (body, record) = OutboundBody::streamed(body);
        let spare = body.is_empty().then(|| head.clone());
        let make = || Some(Box::new(Request::from_parts(spare.clone()?, OutboundBody::Empty)));
        let first = Box::new(Request::from_parts(head, body));
        let repeated = Repeated { request: first, make: &make, handshake: None };
        self.exchange(repeated, record, bounds).await
    }

    /// Sends a request whose body is at hand, so that it may be sent once more where that is safe:
    /// `make` makes it, for each attempt anew, which is cheaper than a copy that is rarely wanted.
    /// Sets `Content-Length`. Otherwise as [`Upstream::send`].
    ///
    /// # Errors
    /// The errors of [`Upstream::send`], and those of `make`.
    pub async fn send_whole<F>(
        &self,
        make: F,
        bounds: SendBounds,
    ) -> Result<Response<UpstreamBody>, Error>
    where
        F: Fn() -> Result<Request<Bytes>, Error> + Send + Sync,
    {
        let make = || {
            let mut request = Box::new(make()?.map(OutboundBody::whole));
            request.headers_mut().remove(CONTENT_LENGTH);
            Ok(request)
        };
        let repeated = Repeated { request: make()?, make: &|| make().ok(), handshake: None };
        self.exchange(repeated, None, bounds).await
    }

    /// Sends the handshake of a WebSocket and waits for the head of the answer.
    pub(crate) async fn handshake(
        &self,
        request: Box<Request<OutboundBody>>,
        make: &Make<'_>,
        key: &HandshakeKey,
        bounds: &SendBounds,
    ) -> Result<PooledAnswer, Error> {
        let repeated = Repeated { request, make, handshake: Some(key) };
        let answer = timeout_at(bounds.deadline, self.attempts(repeated, bounds)).await;
        answer.unwrap_or(Err(Error::UpstreamTimeout))
    }

    async fn exchange(
        &self,
        request: Repeated<'_>,
        record: Option<Arc<BodyRecord>>,
        bounds: SendBounds,
    ) -> Result<Response<UpstreamBody>, Error> {
        if bounds.deadline <= Instant::now() {
            return Err(Error::UpstreamTimeout);
        }

        let attempts = self.attempts(request, &bounds);
        let outcome = match (bounds.idle, &record) {
            (Some(idle), Some(record)) => while_sent(record, idle, bounds.deadline, attempts).await,
            _ => timeout_at(bounds.deadline, attempts).await.ok(),
        };

        match outcome.unwrap_or(Err(Error::UpstreamTimeout)) {
            Ok(answer) => self.accept(answer, record, &bounds),
            // A body that broke off shows as a lost stream; whose fault it was, only it knows.
            Err(error) => Err(record.and_then(|record| record.failure()).unwrap_or(error)),
        }
    }

    async fn attempts(
        &self,
        Repeated { mut request, make, handshake }: Repeated<'_>,
        bounds: &SendBounds,
    ) -> Result<PooledAnswer, Error> {
        let mut retry = RetryState::new(bounds.safety, self.balance.endpoints().len());
        let keeps_host = request.headers().contains_key(HOST);

        loop {
            self.prepare(&mut request)?;
            if let Some(handshake) = handshake {
                handshake.write(request.headers_mut());
            }
            let (index, endpoint) = self.balance.pick(&retry.tried).ok_or_else(|| {
                let internal = format!("every endpoint of {} is ejected", self.settings.name);
                Error::UpstreamUnavailable { internal, unsent: true }
            })?;
            self.address(&mut request, endpoint, keeps_host);
            let fresh = retry.begin(index);
            let is_handshake = handshake.is_some();
            let attempt = Attempt { request, fresh, caller: bounds.caller, is_handshake };
            let mut timing = self.balance.time(endpoint);
            match endpoint.attempt(attempt).await {
                Ok(answer) => {
                    endpoint.health.succeeded();
                    self.budget.earn();
                    return Ok(answer);
                }
                Err(failure) => {
                    timing.forget();
                    request = self.again(failure, endpoint, &mut retry, make)?;
                }
            }
        }
    }

    fn again(
        &self,
        failure: AttemptFailure,
        endpoint: &Endpoint,
        retry: &mut RetryState,
        make: &Make<'_>,
    ) -> Result<Box<Request<OutboundBody>>, Error> {
        // A service alone is not ejected for what one poisonous request did to its connection.
        if self.balance.is_choice() && matches!(failure, AttemptFailure::Lost { .. }) {
            endpoint.failed();
        }
        let request = retry.after(failure, &self.budget, make)?;
        metrics::counter!(metric::UPSTREAM_RETRIES, "upstream" => self.label.clone()).increment(1);
        Ok(request)
    }

    /// Makes the request one of this connection's own protocol, unless it is that already.
    fn prepare(&self, request: &mut Request<OutboundBody>) -> Result<(), Error> {
        if request.method() == Method::CONNECT {
            return Err(Error::Internal { internal: "CONNECT cannot be forwarded".into() });
        }
        // Extensions steer hyper (upgrades, extended CONNECT); a caller's own must not.
        *request.extensions_mut() = Extensions::new();
        strip_hop_by_hop(request.headers_mut());
        // The edge has answered it: the body comes when it is read.
        request.headers_mut().remove(EXPECT);
        if self.is_grpc() {
            *request.version_mut() = Version::HTTP_2;
            request.headers_mut().remove(HOST);
            request.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
        } else {
            *request.version_mut() = Version::HTTP_11;
            frame(request);
        }
        Ok(())
    }

    /// Writes where the request goes: `:authority` for HTTP/2, `Host` for HTTP/1.1.
    fn address(&self, request: &mut Request<OutboundBody>, endpoint: &Endpoint, keeps_host: bool) {
        if self.is_grpc() {
            let target = &endpoint.target;
            let mut parts = std::mem::take(request.uri_mut()).into_parts();
            parts.scheme = Some(target.scheme.clone());
            parts.authority = Some(target.authority.clone());
            parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
            *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
            return;
        }
        if request.uri().authority().is_some() {
            let uri = std::mem::take(request.uri_mut());
            let path = uri.into_parts().path_and_query;
            let path = path.unwrap_or(PathAndQuery::from_static("/"));
            *request.uri_mut() = Uri::from(path);
        }
        if !keeps_host {
            request.headers_mut().insert(HOST, endpoint.host_field.clone());
        }
    }

    pub(crate) fn accept(
        &self,
        answer: PooledAnswer,
        record: Option<Arc<BodyRecord>>,
        bounds: &SendBounds,
    ) -> Result<Response<UpstreamBody>, Error> {
        let PooledAnswer { mut response, lease } = answer;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let internal = "an upgrade that nobody asked for".into();
            return Err(Error::UpstreamInvalid { internal });
        }
        if response.status().as_u16() > STATUS_MAX {
            let internal = format!("a status of {}", response.status().as_u16());
            return Err(Error::UpstreamInvalid { internal });
        }

        *response.extensions_mut() = Extensions::new();
        let headers = response.headers_mut();
        if headers.contains_key(TRANSFER_ENCODING) {
            // Of two lengths the coding counts (RFC 9112 §6.3); the other must not travel on.
            headers.remove(CONTENT_LENGTH);
        }
        strip_answer(headers);
        Ok(response.map(|body| UpstreamBody::new(body, lease, bounds, record)))
    }

    fn is_grpc(&self) -> bool {
        self.settings.protocol == WireProtocol::Grpc
    }
}

/// Writes the framing that hyper leaves out: the length of an empty body where the method gives a
/// body a meaning (RFC 9110 §8.6), and the coding of a body of unknown length where it gives none.
fn frame(request: &mut Request<OutboundBody>) {
    let body = request.body();
    let (is_empty, is_open) = (body.is_empty(), body.size_hint().exact().is_none());
    let method = request.method();

    if is_empty && [Method::POST, Method::PUT, Method::PATCH].contains(method) {
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    } else if is_open && [Method::GET, Method::HEAD].contains(method) {
        request.headers_mut().insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// The highest status of a known class (RFC 9110 §15): clients know no other.
const STATUS_MAX: u16 = 599;

/// Waits for an answer while the request's body is sent. `None` when the deadline passes, or when
/// the body has not ended and gave nothing for the idle time.
async fn while_sent<T>(
    record: &BodyRecord,
    idle: Duration,
    deadline: Instant,
    answer: impl Future<Output = T>,
) -> Option<T> {
    let mut answer = pin!(answer);
    loop {
        let rests_until = match record.is_released() {
            true => deadline,
            false => deadline.min(record.last_sent() + idle),
        };
        if rests_until <= Instant::now() {
            return None;
        }
        if let Ok(answer) = timeout_at(rests_until, answer.as_mut()).await {
            return Some(answer);
        }
    }
}

fn endpoints(settings: &UpstreamSettings) -> Result<Vec<Arc<Endpoint>>, crate::Error> {
    let targets =
        settings.endpoints.iter().map(Target::parse).collect::<Result<Vec<_>, crate::Error>>()?;
    let first = targets.first().ok_or(crate::Error::NoEndpoints)?;
    if targets.iter().any(|target| target.scheme != first.scheme) {
        return Err(crate::Error::MixedSchemes);
    }
    let trust = settings.tls.clone().unwrap_or_default();
    let tls = match first.is_tls() {
        true => Some(ClientTls::new(&trust, settings.protocol, &first.host)?),
        false => None,
    };
    targets
        .into_iter()
        .map(|target| {
            let tls = tls.as_ref().map(|tls| tls.for_host(&trust, &target.host)).transpose()?;
            Ok(Arc::new(Endpoint::new(settings, target, tls)?))
        })
        .collect()
}
