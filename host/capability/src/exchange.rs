//! The host of one request: what its policies ask, what they left, what they reserved.
//!
//! Commands arrive with a run's verdict. Effects are guards: what a run reserved lives in
//! `run` until it is settled, so that a dropped exchange releases by being dropped.

pub(crate) mod readback;
mod sticky;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::HeaderName;
use tollgate_chain::{
    Answer, Asked, Command, Effect, Environment, Head, Host, Matched, Payload, Principal, Question,
    Read, Settlement, Source,
};

use self::readback::Held;
use crate::Clock;
use crate::credentials::Resolver;
use crate::idempotency::{self, Claim, IdempotencyStore};
use crate::notes::Notes;
use crate::quota::{QuotaStore, Reported, Reservation, RunQuota};
use crate::reply_headers::ReplyHeaders;
use crate::request::{self, Hidden, origin};
use crate::response::{self, ResponseHead};
use crate::upstreams::UpstreamStates;
use crate::{log, principal, route, system};

/// The back ends, shared by all exchanges.
#[derive(Debug, Clone)]
pub struct Stores {
    /// What policies are told of time, where they may be told.
    pub clock: Arc<dyn Clock>,
    /// Who keys stand for.
    pub credentials: Resolver,
    /// Rates and requests in flight.
    pub quota: Arc<dyn QuotaStore>,
    /// Operations and their replies.
    pub idempotency: Arc<dyn IdempotencyStore>,
}

/// What an exchange begins with.
#[derive(Clone)]
pub struct Opening {
    /// The request's head.
    pub head: Arc<Head>,
    /// What the route table says about it.
    pub matched: Matched,
    /// Its body.
    pub payload: Arc<dyn Payload>,
    /// Who knows the upstreams.
    pub upstreams: Arc<dyn UpstreamStates>,
    /// Header fields that policies may not read, beside credentials and cookies.
    pub hidden: Arc<[HeaderName]>,
}

/// The state of one exchange. Dropped, it releases slots in flight, what an unsettled run
/// reserved, and its claim, which becomes retryable.
pub struct Exchange {
    pub(crate) stores: Arc<Stores>,
    pub(crate) opening: Opening,
    hidden: Hidden,
    pub(crate) principal: Option<Arc<Principal>>,
    notes: Notes,
    pub(crate) reply: ReplyHeaders,
    pub(crate) reported: Vec<Reported>,
    pub(crate) response: Option<ResponseHead>,
    pub(crate) run: RunState,
    /// What settled runs took; only slots in flight are left in it.
    kept: Vec<Reservation>,
    pub(crate) claim: Option<Claim>,
    /// What the run that was settled last held.
    pub(crate) held: Vec<Held>,
    pub(crate) detached: Arc<AtomicBool>,
}

/// What belongs to the run in progress. Handles count from 0 in each run.
#[derive(Debug, Default)]
pub(crate) struct RunState {
    pub(crate) resolved: Option<Arc<Principal>>,
    pub(crate) held: Vec<Held>,
    pub(crate) quota: RunQuota,
    pub(crate) claim: Option<Claim>,
    /// The wait that the last refusing answer asks for.
    pub(crate) retry_after: Option<Duration>,
}

impl RunState {
    /// Begins anew. Runs are many and mostly leave nothing: cheaper than another state in its place.
    fn clear(&mut self) {
        let Self { resolved, held, quota, claim, retry_after } = self;
        *resolved = None;
        held.clear();
        quota.reservations.clear();
        quota.reported.clear();
        *claim = None;
        *retry_after = None;
    }
}

impl Exchange {
    /// An exchange before its first policy.
    #[must_use]
    pub fn new(opening: Opening, stores: Arc<Stores>) -> Self {
        Self {
            stores,
            hidden: Hidden::new(Arc::clone(&opening.hidden)),
            opening,
            principal: None,
            notes: Notes::default(),
            reply: ReplyHeaders::default(),
            reported: Vec::new(),
            response: None,
            run: RunState::default(),
            kept: Vec::new(),
            claim: None,
            held: Vec::new(),
            detached: Arc::default(),
        }
    }

    fn read<'a>(&'a mut self, read: &'a Read) -> Asked<'a> {
        if let Read::CredentialsResolve(handle) = read {
            return self.resolve(*handle);
        }
        Asked::Ready(self.known(read))
    }

    /// The answer to a read that no store has a part in.
    fn known(&self, read: &Read) -> Answer {
        let (head, matched) = (&*self.opening.head, &self.opening.matched);
        let (hidden, response) = (&self.hidden, self.response.as_ref());
        let principal = self.principal.as_deref();
        match read {
            Read::MethodIs(method) => request::method_is(head, method),
            Read::HeaderPresence(name) => Answer::Presence(request::presence(&head.headers, name)),
            Read::HeaderIs(name, value) => request::header_is(head, hidden, name, value),
            Read::Header(name) => request::header(head, hidden, name),
            Read::AuthorityIn(hosts) => request::authority_in(head, hosts),
            Read::ServerNameIn(hosts) => request::server_name_in(head, hosts),
            Read::Origin => Answer::Origin(origin::kind(head)),
            Read::OriginIn(origins) => Answer::Bool(origin::is_in(head, origins)),
            Read::RouteMatched => route::matched(matched),
            Read::RouteName => route::name(matched),
            Read::RouteAttribute(name) => route::attribute(matched, name),
            Read::RouteGrpcMethod => route::grpc_method(matched),
            Read::CredentialsPresented => self.presented(),
            // Asked in `read`, because it may have to wait.
            Read::CredentialsResolve(_) => {
                Answer::Resolution(tollgate_chain::Resolution::Unavailable)
            }
            Read::CredentialsPermits(handle, scope) => self.permits(*handle, scope),
            Read::PrincipalEnvironment => principal::environment(principal),
            Read::PrincipalHasScope(scope) => principal::has_scope(principal, scope),
            Read::PrincipalTenant => principal::tenant(principal),
            Read::UpstreamState(name) => Answer::Upstream(self.opening.upstreams.state(name)),
            Read::IdempotencyKey => idempotency::key(&self.opening),
            Read::NoteIs(name, value) => self.notes.is(name, value),
            Read::Note(name) => self.notes.get(name),
            Read::ResponseStatus => response::status(response),
            Read::ResponseHeaderPresence(name) => response::header_presence(response, name),
            Read::ResponseHeaderIs(name, value) => response::header_is(response, name, value),
            Read::System(asked) => system::answer(*asked, &*self.stores.clock),
        }
    }

    fn set_from(&mut self, name: &str, source: &Source) {
        match source {
            Source::RequestHeader(field) => {
                if let Some(value) = self.hidden.readable(&self.opening.head, field) {
                    self.reply.set(name, value.clone());
                }
            }
            Source::RouteMethods => {
                if let Some(methods) = route::methods(&self.opening.matched) {
                    self.reply.set_text(name, methods);
                }
            }
            Source::RetryAfter => {
                if let Some(wait) = self.run.retry_after {
                    // A caller who is told 0 comes back at once.
                    self.reply.set_text(name, &crate::quota::seconds(wait).max(1).to_string());
                }
            }
        }
    }
}

impl Host for Exchange {
    fn ask<'a>(&'a mut self, question: &'a Question) -> Asked<'a> {
        match question {
            Question::Read(read) => self.read(read),
            Question::Effect(Effect::QuotaTakeAll(buckets)) => self.take_all(buckets),
            Question::Effect(Effect::IdempotencyClaim) => self.claim_operation(),
            Question::Command(_) => Asked::Ready(Answer::Done),
        }
    }

    fn apply(&mut self, command: &Command) {
        match command {
            Command::ReplyHeaderSet(name, value) => self.reply.set_text(name, value),
            Command::ReplyHeaderSetFrom(name, source) => self.set_from(name, source),
            Command::ReplyVary(names) => self.reply.add_vary(names),
            Command::ReplyDropUpstream(names) => self.reply.drop_upstream(names),
            Command::PrincipalEstablish(handle) => self.establish(*handle),
            Command::QuotaReport => self.reported.append(&mut self.run.quota.reported),
            Command::NoteSet(name, value) => self.notes.set(name, value),
            Command::Log(level, text) => log::write(*level, &self.opening.head.request_id, text),
        }
    }

    fn settle(&mut self, settlement: Settlement) {
        match settlement {
            Settlement::Commit => {
                for mut reservation in self.run.quota.reservations.drain(..) {
                    reservation.commit();
                    self.kept.push(reservation);
                }
                self.claim = self.run.claim.take().or_else(|| self.claim.take());
                self.held = std::mem::take(&mut self.run.held);
            }
            Settlement::Release => {
                self.held.clear();
                if self.run.claim.is_some() {
                    self.detached.store(false, Ordering::Release);
                }
            }
        }
        self.run.clear();
    }

    fn tenant(&self) -> Option<(Environment, &str)> {
        self.principal.as_ref().map(|own| (own.environment, own.tenant.as_str()))
    }

    fn sticky(&self) -> u64 {
        sticky::of(self.tenant(), &self.opening.head)
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("request_id", &self.opening.head.request_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("request_id", &self.head.request_id).finish_non_exhaustive()
    }
}
