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
    Answer, Asked, Command, CredentialsRead, Effect, Environment, Head, Host, IdempotencyEffect,
    IdempotencyRead, LogCommand, Matched, NotesCommand, NotesRead, Payload, Principal,
    PrincipalCommand, Question, QuotaCommand, QuotaEffect, Read, ReplyHeadersCommand, Settlement,
    Source, UpstreamsRead,
};

use self::readback::Held;
use crate::Clock;
use crate::credentials::Resolver;
use crate::idempotency::{self, Claim, IdempotencyStore};
use crate::notes::Notes;
use crate::quota::{QuotaStore, Reported, Reservation, RunQuota};
use crate::reply_headers::ReplyHeaders;
use crate::request::{self, Hidden};
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
        let principal = self.principal.as_deref();
        Asked::Ready(match read {
            Read::Request(read) => request::answer(&self.opening.head, &self.hidden, read),
            Read::Route(read) => route::answer(&self.opening.matched, read),
            Read::Credentials(read) => return self.credential(read),
            Read::Principal(read) => principal::answer(principal, read),
            Read::Upstreams(UpstreamsRead::State(name)) => {
                Answer::Upstream(self.opening.upstreams.state(name))
            }
            Read::Idempotency(IdempotencyRead::Key) => idempotency::key(&self.opening),
            Read::Notes(NotesRead::Is(name, value)) => self.notes.is(name, value),
            Read::Notes(NotesRead::Get(name)) => self.notes.get(name),
            Read::Response(read) => response::answer(self.response.as_ref(), read),
            Read::Wasi(read) => system::answer(*read, &*self.stores.clock),
        })
    }

    fn credential(&mut self, read: &CredentialsRead) -> Asked<'_> {
        match read {
            CredentialsRead::Presented => Asked::Ready(self.presented()),
            CredentialsRead::Resolve(handle) => self.resolve(*handle),
            CredentialsRead::Permits(handle, scope) => Asked::Ready(self.permits(*handle, scope)),
        }
    }

    fn reply_header(&mut self, command: &ReplyHeadersCommand) {
        match command {
            ReplyHeadersCommand::Set(name, value) => self.reply.set_text(name, value),
            ReplyHeadersCommand::SetFrom(name, source) => self.set_from(name, source),
            ReplyHeadersCommand::AddVary(names) => self.reply.add_vary(names),
            ReplyHeadersCommand::DropUpstream(names) => self.reply.drop_upstream(names),
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
            Question::Effect(Effect::Quota(QuotaEffect::TakeAll(buckets))) => {
                self.take_all(buckets)
            }
            Question::Effect(Effect::Idempotency(IdempotencyEffect::Claim)) => {
                self.claim_operation()
            }
            Question::Command(_) => Asked::Ready(Answer::Done),
        }
    }

    fn apply(&mut self, command: &Command) {
        match command {
            Command::ReplyHeaders(command) => self.reply_header(command),
            Command::Principal(PrincipalCommand::Establish(handle)) => self.establish(*handle),
            Command::Quota(QuotaCommand::Report) => {
                self.reported.append(&mut self.run.quota.reported);
            }
            Command::Notes(NotesCommand::Set(name, value)) => self.notes.set(name, value),
            Command::Log(LogCommand::Write(level, text)) => {
                log::write(*level, &self.opening.head.request_id, text);
            }
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
