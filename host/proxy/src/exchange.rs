//! The life of a request, from its head to its response: match, decide, forward, decide again.

mod preflight;
mod record;
pub(crate) mod rehearse;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body::Body;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tollgate_capability::idempotency::{Claim, HeldReply};
use tollgate_capability::{PolicyHost, RequestContext};
use tollgate_chain::{
    Chain, Content, Error, Head, Matched, Payload, Receipt, Reply, Route, RouteLimits, request,
    response,
};
use tollgate_edge::{
    Caller, Facts, Handler, LastOfConnection, Protocol, RequestBody, ResponseBody,
};

use self::preflight::preflight_route;
use crate::detachable::Detachable;
use crate::forward::{self, ForwardReport, ForwardRequest, UpstreamFacts};
use crate::live::Live;
use crate::payload::{PayloadForm, RequestPayload};
use crate::readiness::Readiness;
use crate::snapshot::{BoxedHost, Snapshot};

/// Bounds of an exchange without a Route: such a request is only ever refused.
const UNROUTED_LIMITS: RouteLimits = RouteLimits {
    body_bytes_max: 64 * 1024,
    timeout: Duration::from_secs(10),
    stream_idle_timeout: Duration::from_secs(10),
};

/// Carries the requests of one listener.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The Snapshot that serves.
    pub live: Live,
    /// The name of the listener.
    pub listener: Arc<str>,
    /// The readiness of the process; while it drains, connections are closed after their exchange.
    pub readiness: Readiness,
    /// True where the facts of exchanges are recorded.
    pub keeps_records: bool,
    /// The operations whose callers left. Its owner waits for them before the process ends.
    pub detached: TaskTracker,
}

impl Handler for Gateway {
    async fn handle(&self, head: Head, body: RequestBody) -> Response<ResponseBody> {
        let mut flow = Flow::open(self.live.pin(), Arc::clone(&self.listener), head, body);
        flow.keeps_record = self.keeps_records;
        let mut response = match &flow.route {
            // From its claim on, an operation is carried out though the caller goes away.
            Some(route) if route.attribute("idempotency").is_some_and(|class| class != "none") => {
                let claimed = flow.host.detached();
                Detachable::new(flow.run(), claimed, self.detached.clone()).await
            }
            _ => flow.run().await,
        };
        if self.readiness.is_draining() {
            response.extensions_mut().insert(LastOfConnection);
        }
        response
    }
}

/// One exchange on its way.
pub(crate) struct Flow {
    snapshot: Arc<Snapshot>,
    head: Arc<Head>,
    /// The Route that the request is forwarded by.
    route: Option<Arc<Route>>,
    /// The Route whose chain decides: the same, or the one that a preflight asks about.
    deciding: Option<Arc<Route>>,
    payload: Arc<RequestPayload>,
    deadline: Instant,
    listener: Arc<str>,
    began: Instant,
    chain: usize,
    allow: Option<Arc<str>>,
    host: BoxedHost,
    facts: Facts,
    keeps_record: bool,
}

impl Flow {
    /// Matches the Route and prepares everything that may be asked. In a box, because it is handed
    /// on from step to step.
    fn open(
        snapshot: Arc<Snapshot>,
        listener: Arc<str>,
        head: Head,
        body: RequestBody,
    ) -> Box<Self> {
        let head = Arc::new(head);
        let mut matched = snapshot.routes.find(&head.method, &head.path);
        let (route, allow, variables) = match &mut matched {
            Matched::Found { route, methods, variables } => {
                (Some(Arc::clone(route)), Some(Arc::clone(methods)), std::mem::take(variables))
            }
            Matched::OtherMethod { methods } => (None, Some(Arc::clone(methods)), Vec::new()),
            Matched::None => (None, None, Vec::new()),
        };

        let binding = route.as_ref().and_then(|route| snapshot.bindings.get(route.binding));
        let call = binding.and_then(|binding| binding.call.as_ref());
        let transcoder = call.map(|call| Arc::clone(&call.transcoder));
        let limits = route.as_ref().map_or(UNROUTED_LIMITS, |route| route.limits);
        let protocol = Protocol::of_request(&head);
        let payload = Arc::new(RequestPayload::new(
            Arc::clone(&head),
            body,
            PayloadForm { protocol, limits, transcoder, variables },
        ));

        let host = Box::new(PolicyHost::new(
            RequestContext {
                head: Arc::clone(&head),
                matched,
                payload: Arc::clone(&payload) as Arc<dyn Payload>,
                upstreams: Arc::clone(&snapshot.targets) as _,
                hidden: Arc::clone(&snapshot.hidden_headers),
            },
            Arc::clone(&snapshot.stores),
        ));

        let facts = Facts {
            route: binding.map(|binding| Arc::clone(&binding.route)),
            generation: Some(snapshot.generation()),
            ..Facts::default()
        };

        // A preflight has no Route of its own where no Route has `OPTIONS`; the policies of the
        // Route that it asks about answer it.
        let deciding = match (&route, &allow) {
            (None, Some(_)) => preflight_route(&snapshot.routes, &head),
            (route, _) => route.clone(),
        };
        let chain = match &deciding {
            Some(route) => Some(route.chain),
            None => snapshot.listener_chains.get(&*listener).copied(),
        };
        let chain = chain.unwrap_or(usize::MAX);

        let began = Instant::now();
        Box::new(Self {
            snapshot,
            head,
            route,
            deciding,
            payload,
            deadline: began + limits.timeout,
            listener,
            began,
            chain,
            allow,
            host,
            facts,
            keeps_record: true,
        })
    }

    /// Lets the chain decide, forwards, lets the chain decide about the response.
    async fn run(mut self: Box<Self>) -> Response<ResponseBody> {
        if let Err(error) = self.check_reading() {
            let answer = self.refuse(&error);
            return self.close(answer);
        }

        let snapshot = Arc::clone(&self.snapshot);
        let Some(chain) = snapshot.chain(self.chain) else {
            return self.refuse(&Error::Internal { internal: "no such chain".to_owned() });
        };
        let mut receipt = Receipt::of(chain.policies.len());
        let (head, route) = (Arc::clone(&self.head), self.deciding.clone());
        let (host, decided) =
            request::walk(chain, &head, route.as_deref(), self.host, &mut receipt).await;
        self.host = host;
        let (flow, mut answer) = match decided {
            request::RequestOutcome::Failed(error) => {
                let answer = self.refuse(&error);
                (self, answer)
            }
            request::RequestOutcome::Replied { policy, reply } => {
                self.facts.policy = Some(policy.into());
                let answer = self.reply(&reply);
                (self, answer)
            }
            request::RequestOutcome::Passed { upstream } => {
                let answer = self.forwarded(upstream.as_deref()).await;
                self.reconsider(chain, answer, &mut receipt).await
            }
        };
        flow.host.write_reply_headers(answer.headers_mut());
        snapshot.meters.record(flow.chain, &receipt, answer.status());
        flow.keep(receipt, &answer);
        flow.close(answer)
    }

    /// Refuses a path in which the upstream may read the verb of another Route. The path of a
    /// translated call ends here, read as `google.api.http` says.
    fn check_reading(&self) -> Result<(), Error> {
        let binding = self.route.as_ref().and_then(|own| self.snapshot.bindings.get(own.binding));
        let is_passed_on = binding.is_some_and(|binding| binding.call.is_none());

        if is_passed_on && self.snapshot.routes.hides_verb(&self.head.path) {
            let detail = "an encoded `:` before a verb is not accepted";
            return Err(Error::PathNotCanonical { detail });
        }
        Ok(())
    }

    /// Lets the policies that look at responses decide about this one.
    async fn reconsider<'a>(
        mut self: Box<Self>,
        chain: &'a Chain<BoxedHost>,
        answer: Response<ResponseBody>,
        receipt: &mut Receipt<'a>,
    ) -> (Box<Self>, Response<ResponseBody>) {
        if !chain.policies.iter().any(|policy| policy.has_response_hook()) {
            return (self, answer);
        }

        self.host.set_response(answer.status().as_u16(), answer.headers());
        let (head, route) = (Arc::clone(&self.head), self.deciding.clone());
        let (host, decided) =
            response::walk(chain, &head, route.as_deref(), self.host, receipt).await;
        self.host = host;

        let answer = match decided {
            response::ResponseOutcome::Passed => answer,
            response::ResponseOutcome::Failed(error) => self.refuse(&error),
            response::ResponseOutcome::Replied { policy, reply } => {
                self.facts.policy = Some(policy.into());
                self.reply(&reply)
            }
        };
        (self, answer)
    }

    /// Forwards to the chosen upstream and keeps what came of a claimed operation.
    async fn forwarded(&mut self, chosen: Option<&str>) -> Response<ResponseBody> {
        let Some(route) = self.route.clone() else { return self.unrouted() };
        let chosen = chosen.or(route.upstream.as_deref());
        let claim = self.host.take_claim();
        let request = self.forward_request(&route, chosen, claim.as_ref());
        let ForwardReport { outcome: result, facts } = forward::forward(&request).await;
        self.note(facts);

        let Some(claim) = claim else {
            return match result {
                Ok(forwarded) => forwarded.into_response(),
                Err(error) => self.refuse(&error),
            };
        };

        let replayable = forward::is_replayable(&result);
        let whole = match result {
            Ok(forwarded) => forwarded.whole().await,
            Err(error) => forward::whole(self.refuse(&error)).await,
        };

        match whole {
            Ok(whole) => forward::keep(claim, whole, replayable).await,
            Err(error) => {
                claim.retryable().await;
                self.refuse(&error)
            }
        }
    }

    /// The answer where no Route has the path and method, after the listener's chain.
    fn unrouted(&self) -> Response<ResponseBody> {
        match &self.allow {
            Some(allow) if self.head.method == Method::OPTIONS => {
                let mut response = Response::new(ResponseBody::empty());
                *response.status_mut() = StatusCode::NO_CONTENT;
                if let Ok(allow) = HeaderValue::from_str(allow) {
                    response.headers_mut().insert(header::ALLOW, allow);
                }
                response
            }
            Some(allow) => self.refuse(&Error::MethodNotAllowed { allow: Arc::clone(allow) }),
            None => self.refuse(&Error::RouteNotFound),
        }
    }

    fn reply(&self, reply: &Reply) -> Response<ResponseBody> {
        let Content::Held(handle) = reply.content else {
            return self.snapshot.responder.reply(reply, &Caller::of(&self.head));
        };
        match self.host.held(handle) {
            Some(HeldReply::Stored(stored)) => forward::replay(stored),
            Some(HeldReply::Refused(error)) => self.refuse(error),
            None => self.refuse(&Error::Internal { internal: "no such held reply".to_owned() }),
        }
    }

    fn refuse(&self, error: &Error) -> Response<ResponseBody> {
        self.snapshot.responder.problem(error, &Caller::of(&self.head))
    }

    /// Hands the facts of the exchange to the access record, and to the response what it holds.
    fn close(mut self: Box<Self>, mut answer: Response<ResponseBody>) -> Response<ResponseBody> {
        let slots = self.host.take_slots();
        if !slots.is_empty() && !answer.body().is_end_stream() {
            answer.body_mut().hold(slots);
        }
        if !self.keeps_record {
            return answer;
        }
        if let Some(principal) = self.host.principal() {
            self.facts.tenant = Some(principal.tenant.as_str().into());
            self.facts.environment = Some(principal.environment.as_str());
            self.facts.key_id = Some(principal.key_id.as_str().into());
        }
        answer.extensions_mut().insert(self.facts);
        answer
    }

    /// The part of this exchange that forwarding reads.
    fn forward_request<'a>(
        &'a self,
        route: &'a Route,
        chosen: Option<&'a str>,
        claim: Option<&'a Claim>,
    ) -> ForwardRequest<'a> {
        ForwardRequest {
            snapshot: &self.snapshot,
            head: &self.head,
            route,
            payload: &self.payload,
            principal: self.host.principal(),
            chosen,
            claim,
            deadline: self.deadline,
        }
    }

    /// Takes the facts of forwarding over into the records of this exchange.
    fn note(&mut self, facts: UpstreamFacts) {
        self.facts.upstream = facts.upstream;
        self.facts.upstream_us = facts.upstream_us;
        self.facts.grpc_status = facts.grpc_status;
    }
}
