//! Decides whether a request that failed may be sent once more.
//!
//! Certainly unprocessed requests may: those handed back unsent, refused with `REFUSED_STREAM`, or
//! above the last stream of a `GOAWAY` (RFC 9113 §6.8, §8.7). Requests that may have been processed
//! only if the caller says that they are repeatable, and only within a budget, so that an upstream
//! in trouble does not get twice the load.

use std::error::Error as _;
use std::sync::atomic::{AtomicI64, Ordering};

use http::Request;
use tollgate_chain::{Error, GrpcCode};

use crate::balance::Tried;
use crate::error::{ConnectionError, chain_text};
use crate::outgoing::OutboundBody;
use crate::send::Make;

/// The safety of sending a request again after it may have been processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// It may not: processed twice it would do its work twice.
    Once,
    /// It may: it is idempotent, or carries an operation key by which the service knows it again.
    Repeatable,
}

/// Attempts in all: the first, and others on endpoints that could not be reached.
const ATTEMPTS_MAX: usize = 3;

/// The failure of one attempt.
pub(crate) enum AttemptFailure {
    /// No connection: the request is untouched.
    Unconnected { error: ConnectionError, request: Box<Request<OutboundBody>> },
    /// It was certainly not processed; it is here where it was handed back.
    Unprocessed { cause: String, request: Option<Box<Request<OutboundBody>>> },
    /// The connection was lost, or the stream reset, before an answer.
    Lost { cause: String, reset: Option<GrpcCode> },
    /// Nothing that another attempt would change.
    Final(Error),
}

/// The state of one request across its attempts.
pub(crate) struct RetryState {
    safety: Safety,
    endpoints: usize,
    attempts: usize,
    resent: bool,
    pub(crate) tried: Tried,
}

impl RetryState {
    pub(crate) fn new(safety: Safety, endpoints: usize) -> Self {
        Self { safety, endpoints, attempts: 0, resent: false, tried: Tried::new() }
    }

    /// Counts an attempt and returns whether the endpoint was tried before: the request then needs a
    /// connection that was not idle meanwhile.
    pub(crate) fn begin(&mut self, endpoint: usize) -> bool {
        self.attempts += 1;
        let again = self.tried.contains(&endpoint);
        self.tried.push(endpoint);
        again
    }

    /// Returns the request for another attempt, or the error that ends the exchange.
    pub(crate) fn after(
        &mut self,
        failure: AttemptFailure,
        budget: &Budget,
        make: &Make<'_>,
    ) -> Result<Box<Request<OutboundBody>>, Error> {
        let mut reset = None;
        let (internal, request, unsent) = match failure {
            AttemptFailure::Unconnected { error, request }
                if self.attempts < ATTEMPTS_MAX.min(self.endpoints) =>
            {
                tracing::debug!(error = chain_text(&error), "another endpoint is tried");
                return Ok(request);
            }
            AttemptFailure::Unconnected { error, .. } if error.is_of_trust() => {
                return Err(Error::UpstreamInvalid { internal: chain_text(&error) });
            }
            AttemptFailure::Unconnected { error, .. } => (chain_text(&error), None, true),
            AttemptFailure::Unprocessed { cause, request } => (cause, request.or_else(make), true),
            AttemptFailure::Lost { cause, reset: code } => {
                reset = code;
                let is_repeatable = self.safety == Safety::Repeatable;
                (cause, is_repeatable.then(make).flatten(), false)
            }
            AttemptFailure::Final(error) => return Err(error),
        };

        match request {
            Some(request) if !self.resent && budget.spend() => {
                self.resent = true;
                Ok(request)
            }
            _ => Err(match reset {
                Some(code) => Error::UpstreamReset { code, internal },
                None => Error::UpstreamUnavailable { internal, unsent },
            }),
        }
    }
}

/// Tells whether a failed HTTP/2 stream proves that its request was not processed.
pub(crate) fn is_unprocessed(error: &hyper::Error) -> bool {
    let reset = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
    reset.is_some_and(|error| {
        error.is_remote()
            && (error.reason() == Some(h2::Reason::REFUSED_STREAM) || error.is_go_away())
    })
}

/// Requests that may be sent twice: a fifth of what succeeded, and a few for a quiet upstream.
pub(crate) struct Budget {
    /// In fifths of a request.
    tokens: AtomicI64,
}

const PER_RETRY: i64 = 5;
const TOKENS_MAX: i64 = 100 * PER_RETRY;
const TOKENS_FIRST: i64 = 20 * PER_RETRY;

impl Budget {
    pub(crate) fn new() -> Self {
        Self { tokens: AtomicI64::new(TOKENS_FIRST) }
    }

    /// Earns a fifth of a retry.
    pub(crate) fn earn(&self) {
        if self.tokens.load(Ordering::Relaxed) < TOKENS_MAX {
            self.tokens.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn spend(&self) -> bool {
        self.tokens
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |tokens| {
                (tokens >= PER_RETRY).then(|| tokens - PER_RETRY)
            })
            .is_ok()
    }
}

#[cfg(test)]
mod tests;
