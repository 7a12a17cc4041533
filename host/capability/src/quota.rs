//! `quota`: rates by GCRA and requests in flight, charged all together or not at all.
//!
//! `owner.rs` tells whose bucket it is, `report.rs` writes the header fields. Nothing here decides
//! what a denial means: that is the policy's verdict.

mod owner;
mod report;

use std::fmt;
use std::time::Duration;

use tollgate_chain::{Answer, Asked, Bucket, Rule, Taken, Text};

pub use owner::Owner;
pub(crate) use report::{Reported, seconds, write};

use crate::exchange::{Exchange, RunState};
use crate::later::Later;

/// One bucket that a request is charged to.
#[derive(Debug, Clone, Copy)]
pub struct Charge<'a> {
    /// The name in `RateLimit-Policy`.
    pub name: &'a str,
    /// Whose bucket it is.
    pub owner: Owner<'a>,
    /// What it limits. A changed rule applies from the next charge on; what was used under
    /// the old one stays used.
    pub rule: Rule,
}

/// How a bucket stands after a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Units, or requests in flight, that are left.
    pub remaining: u32,
    /// How long until there is more. Unknown for requests in flight: zero.
    pub more_in: Duration,
}

/// What became of a charge. Standings are those of the charges, in their order.
#[derive(Debug)]
pub enum ChargeOutcome {
    /// Taken from every bucket.
    Allowed {
        /// What was taken.
        reservation: Reservation,
        /// Standings after it.
        standings: Vec<Standing>,
    },
    /// Nothing was taken from any.
    Denied {
        /// The first bucket that had no room.
        index: usize,
        /// After this long the same charge succeeds, if nobody else charges meanwhile.
        retry_after: Duration,
        /// Standings as they are.
        standings: Vec<Standing>,
    },
}

/// Holds the buckets. Bounded; never fails: a store that cannot be reached falls back to a
/// bounded decision of its own (a limiter that is down must not open the gate, nor close it).
pub trait QuotaStore: fmt::Debug + Send + Sync + 'static {
    /// Takes from all buckets in one step, or from none.
    fn take<'a>(&'a self, charges: Vec<Charge<'a>>) -> Later<'a, ChargeOutcome>;
}

/// What was taken. Dropped before [`Reserved::commit`], all of it is given back; afterwards
/// only the slots of requests in flight are, which is how they end.
pub type Reservation = Box<dyn Reserved>;

/// See [`Reservation`].
pub trait Reserved: fmt::Debug + Send + Sync + 'static {
    /// Makes what was taken from rates final.
    fn commit(&mut self);
}

impl Exchange {
    /// `quota.take-all`
    pub(crate) fn take_all<'a>(&'a mut self, buckets: &'a [Bucket]) -> Asked<'a> {
        let Self { stores, opening, principal, run, .. } = self;
        let charges = buckets
            .iter()
            .map(|bucket| Charge {
                name: &bucket.name,
                owner: Owner::of(bucket.partition, principal.as_deref(), opening.head.client),
                rule: bucket.rule,
            })
            .collect();
        let taking = stores.quota.take(charges);
        taking.map(move |outcome| run.charged(buckets, outcome)).into()
    }
}

/// What one run has taken so far.
#[derive(Debug, Default)]
pub(crate) struct RunQuota {
    pub(crate) reservations: Vec<Reservation>,
    pub(crate) reported: Vec<Reported>,
}

impl RunState {
    fn charged(&mut self, buckets: &[Bucket], outcome: ChargeOutcome) -> Answer {
        let (taken, denied, standings) = match outcome {
            ChargeOutcome::Allowed { reservation, standings } => {
                self.quota.reservations.push(reservation);
                (Taken::Allowed, None, standings)
            }
            ChargeOutcome::Denied { index, retry_after, standings } => {
                self.retry_after = Some(retry_after);
                (Taken::Denied(u32::try_from(index).unwrap_or(u32::MAX)), Some(index), standings)
            }
        };
        for (index, (bucket, mut standing)) in buckets.iter().zip(standings).enumerate() {
            // A request that costs more than is left was denied: to it, nothing is left.
            if Some(index) == denied {
                standing.remaining = 0;
            }
            let name: Text = bucket.name.clone();
            self.quota.reported.push(Reported { name, rule: bucket.rule, standing });
        }
        Answer::Taken(taken)
    }
}
