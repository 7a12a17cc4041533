//! `quota`: rates by GCRA and requests in flight, charged all together or not at all.
//!
//! `owner.rs` identifies the owner of a bucket, `report.rs` writes the header fields. Nothing here decides
//! what a denial means: that is the policy's verdict.

mod owner;
mod report;

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use http::HeaderMap;
use tollgate_chain::{
    Answer, Asked, Bucket, Principal, QuotaCommand, QuotaEffect, Rule, Settlement, Taken,
};

pub use owner::Owner;
pub(crate) use report::seconds;

use self::report::ReportedBucket;
use crate::later::Later;

/// One bucket that a request is charged to.
#[derive(Debug, Clone, Copy)]
pub struct Charge<'a> {
    /// The name in `RateLimit-Policy`.
    pub name: &'a str,
    /// The owner of the bucket.
    pub owner: Owner<'a>,
    /// The limit. A changed rule applies from the next charge on; units that were used under the
    /// old one stay used.
    pub rule: Rule,
}

/// The state of a bucket after a decision, as a caller may know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketStanding {
    /// Units, or requests in flight, that are left.
    pub remaining: u32,
    /// The time until there is more. Unknown for requests in flight: zero.
    pub more_in: Duration,
}

/// The outcome of a charge. Standings are those of the charges, in their order.
#[derive(Debug)]
pub enum ChargeOutcome {
    /// Taken from every bucket.
    Allowed {
        /// The units and slots that were taken.
        reservation: Reservation,
        /// Standings after it.
        standings: Vec<BucketStanding>,
    },
    /// Nothing was taken from any.
    Denied {
        /// The first bucket that had no room.
        index: usize,
        /// After this long the same charge succeeds, if nobody else charges meanwhile.
        retry_after: Duration,
        /// Standings, unchanged.
        standings: Vec<BucketStanding>,
    },
}

/// Holds the buckets. Bounded; never fails: a store that cannot be reached falls back to a
/// bounded decision of its own (a limiter that is down must not open the gate, nor close it).
pub trait QuotaStore: fmt::Debug + Send + Sync + 'static {
    /// Takes from all buckets in one step, or from none.
    fn take<'a>(&'a self, charges: Vec<Charge<'a>>) -> Later<'a, ChargeOutcome>;
}

/// Units and slots that were taken. Dropped before [`Reserved::commit`], all of them are given back;
/// afterwards only the slots of requests in flight are, which is how they end.
pub type Reservation = Box<dyn Reserved>;

/// Commits a [`Reservation`], or gives it back when dropped.
pub trait Reserved: fmt::Debug + Send + Sync + 'static {
    /// Makes the units that were taken from rates final.
    fn commit(&mut self);

    /// Tells whether slots of requests in flight are among what was taken.
    fn holds_slots(&self) -> bool;
}

/// The charges of one exchange.
#[derive(Debug, Default)]
pub(crate) struct QuotaState {
    /// Reservations of the run in progress.
    reserved: Vec<Reservation>,
    /// Standings that the run in progress may report.
    reportable: Vec<ReportedBucket>,
    /// Reservations of settled runs that hold slots of requests in flight.
    kept: Vec<Reservation>,
    /// Standings that the reply reports.
    reported: Vec<ReportedBucket>,
}

impl QuotaState {
    /// Carries out an effect: charges all buckets together, or none.
    pub(crate) fn ask<'a>(
        &'a mut self,
        effect: &'a QuotaEffect,
        principal: Option<&'a Principal>,
        client: IpAddr,
        store: &'a dyn QuotaStore,
        retry_after: &'a mut Option<Duration>,
    ) -> Asked<'a> {
        let QuotaEffect::TakeAll(buckets) = effect;
        let charges = buckets
            .iter()
            .map(|bucket| Charge {
                name: &bucket.name,
                owner: Owner::of(bucket.partition, principal, client),
                rule: bucket.rule,
            })
            .collect();
        let taking = store.take(charges);
        taking.map(move |outcome| self.charged(buckets, outcome, retry_after)).into()
    }

    /// Applies a command of a run that reached its verdict.
    pub(crate) fn apply(&mut self, command: &QuotaCommand) {
        match command {
            QuotaCommand::Report => self.reported.append(&mut self.reportable),
        }
    }

    /// Ends the run: commits its reservations, or releases them by dropping them.
    pub(crate) fn settle(&mut self, settlement: Settlement) {
        // Most runs charge nothing.
        if self.reserved.is_empty() && self.reportable.is_empty() {
            return;
        }
        match settlement {
            Settlement::Commit => {
                for mut reservation in self.reserved.drain(..) {
                    reservation.commit();
                    if reservation.holds_slots() {
                        self.kept.push(reservation);
                    }
                }
            }
            Settlement::Release => self.reserved.clear(),
        }
        self.reportable.clear();
    }

    /// Takes the slots of requests in flight, which are given back when they are dropped.
    pub(crate) fn take_slots(&mut self) -> Vec<Reservation> {
        std::mem::take(&mut self.kept)
    }

    /// Writes the header fields that report quotas. Nothing if none is reported.
    pub(crate) fn write_report(&self, headers: &mut HeaderMap) {
        report::write(&self.reported, headers);
    }

    fn charged(
        &mut self,
        buckets: &[Bucket],
        outcome: ChargeOutcome,
        retry_after: &mut Option<Duration>,
    ) -> Answer {
        let (taken, denied, standings) = match outcome {
            ChargeOutcome::Allowed { reservation, standings } => {
                self.reserved.push(reservation);
                (Taken::Allowed, None, standings)
            }
            ChargeOutcome::Denied { index, retry_after: wait, standings } => {
                *retry_after = Some(wait);
                (Taken::Denied(u32::try_from(index).unwrap_or(u32::MAX)), Some(index), standings)
            }
        };

        for (index, (bucket, mut standing)) in buckets.iter().zip(standings).enumerate() {
            // A request that costs more than is left was denied: to it, nothing is left.
            if Some(index) == denied {
                standing.remaining = 0;
            }
            let name = bucket.name.clone();
            self.reportable.push(ReportedBucket { name, rule: bucket.rule, standing });
        }
        Answer::Taken(taken)
    }
}
