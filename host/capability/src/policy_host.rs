//! The host of one request's policies: holds the state of each interface and dispatches to it.
//!
//! An interface answers its reads and effects (`ask`), applies the commands of a run that reached
//! its verdict (`apply`), and keeps or releases what the run reserved (`settle`). No interface
//! knows the host, nor another's state: what one needs of another is passed to it here.

mod readback;
mod sticky;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use tollgate_chain::{
    Answer, Asked, Command, Effect, Environment, Head, Host, Matched, Payload, Question, Read,
    Settlement,
};

use crate::Clock;
use crate::credentials::{CredentialsState, Resolver};
use crate::idempotency::{ClaimContext, IdempotencyState, IdempotencyStore};
use crate::notes::Notes;
use crate::principal::PrincipalState;
use crate::quota::{QuotaState, QuotaStore};
use crate::reply_headers::{ReplyHeaders, ValueSources};
use crate::request::HiddenFields;
use crate::response::ResponseState;
use crate::upstreams::UpstreamStates;
use crate::{idempotency, log, request, route, system, upstreams};

/// The back ends, shared by all exchanges.
#[derive(Debug, Clone)]
pub struct Stores {
    /// The clocks that policies may ask for.
    pub clock: Arc<dyn Clock>,
    /// Resolves API keys to principals.
    pub credentials: Resolver,
    /// Rates and requests in flight.
    pub quota: Arc<dyn QuotaStore>,
    /// Operations and their replies.
    pub idempotency: Arc<dyn IdempotencyStore>,
}

/// The request that policies decide about, with everything they may ask of it.
#[derive(Clone)]
pub struct RequestContext {
    /// The request's head.
    pub head: Arc<Head>,
    /// The result of matching it against the route table.
    pub matched: Matched,
    /// Its body.
    pub payload: Arc<dyn Payload>,
    /// The states of the declared upstreams.
    pub upstreams: Arc<dyn UpstreamStates>,
    /// Header fields that policies may not read, beside credentials and cookies.
    pub hidden: Arc<[HeaderName]>,
}

/// The [`Host`] of one request. Dropped, it releases slots in flight, what an unsettled run
/// reserved, and its claim, which becomes retryable.
pub struct PolicyHost {
    stores: Arc<Stores>,
    context: RequestContext,
    hidden: HiddenFields,
    credentials: CredentialsState,
    principal: PrincipalState,
    quota: QuotaState,
    idempotency: IdempotencyState,
    reply_headers: ReplyHeaders,
    notes: Notes,
    response: ResponseState,
    /// The wait that the last refusing answer of this run asks for.
    retry_after: Option<Duration>,
}

impl PolicyHost {
    /// Creates the host of a request before its first policy.
    #[must_use]
    pub fn new(context: RequestContext, stores: Arc<Stores>) -> Self {
        Self {
            stores,
            hidden: HiddenFields::new(Arc::clone(&context.hidden)),
            context,
            credentials: CredentialsState::default(),
            principal: PrincipalState::default(),
            quota: QuotaState::default(),
            idempotency: IdempotencyState::default(),
            reply_headers: ReplyHeaders::default(),
            notes: Notes::default(),
            response: ResponseState::default(),
            retry_after: None,
        }
    }

    fn read<'a>(&'a mut self, read: &'a Read) -> Asked<'a> {
        let Self { stores, context, hidden, credentials, retry_after, .. } = self;
        Asked::Ready(match read {
            Read::Request(read) => request::ask(read, &context.head, hidden),
            Read::Route(read) => route::ask(read, &context.matched),
            Read::Credentials(read) => {
                return credentials.ask(read, &context.head, &stores.credentials, retry_after);
            }
            Read::Principal(read) => self.principal.ask(read),
            Read::Upstreams(read) => upstreams::ask(read, &*context.upstreams),
            Read::Idempotency(read) => idempotency::ask(read, &context.head),
            Read::Notes(read) => self.notes.ask(read),
            Read::Response(read) => self.response.ask(read),
            Read::Wasi(read) => system::ask(*read, &*stores.clock),
        })
    }

    fn carry_out<'a>(&'a mut self, effect: &'a Effect) -> Asked<'a> {
        let Self { stores, context, principal, quota, idempotency, retry_after, .. } = self;
        let principal = principal.established().map(|principal| &**principal);
        match effect {
            Effect::Quota(effect) => {
                quota.ask(effect, principal, context.head.client, &*stores.quota, retry_after)
            }
            Effect::Idempotency(effect) => {
                let RequestContext { head, payload, matched, .. } = context;
                let timeout = route::route(matched).map(|route| route.limits.timeout);
                let context = ClaimContext {
                    head,
                    payload: &**payload,
                    timeout: timeout.unwrap_or_default(),
                    principal,
                    store: &*stores.idempotency,
                };
                idempotency.ask(effect, context, retry_after)
            }
        }
    }
}

impl Host for PolicyHost {
    fn ask<'a>(&'a mut self, question: &'a Question) -> Asked<'a> {
        match question {
            Question::Read(read) => self.read(read),
            Question::Effect(effect) => self.carry_out(effect),
            Question::Command(_) => Asked::Ready(Answer::Done),
        }
    }

    fn apply(&mut self, command: &Command) {
        let RequestContext { head, matched, .. } = &self.context;
        match command {
            Command::ReplyHeaders(command) => {
                let hidden = &self.hidden;
                let retry_after = self.retry_after;
                let sources = ValueSources { head, hidden, matched, retry_after };
                self.reply_headers.apply(command, sources);
            }
            Command::Principal(command) => {
                self.principal.apply(command, &self.credentials, &head.request_id);
            }
            Command::Quota(command) => self.quota.apply(command),
            Command::Notes(command) => self.notes.apply(command),
            Command::Log(command) => log::apply(command, &head.request_id),
        }
    }

    fn settle(&mut self, settlement: Settlement) {
        self.credentials.settle();
        self.quota.settle(settlement);
        self.idempotency.settle(settlement);
        self.retry_after = None;
    }

    fn tenant(&self) -> Option<(Environment, &str)> {
        let principal = self.principal.established()?;
        Some((principal.environment, principal.tenant.as_str()))
    }

    fn sticky(&self) -> u64 {
        sticky::number(self.tenant(), &self.context.head)
    }
}

impl fmt::Debug for PolicyHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyHost")
            .field("request_id", &self.context.head.request_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RequestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestContext")
            .field("request_id", &self.head.request_id)
            .finish_non_exhaustive()
    }
}
