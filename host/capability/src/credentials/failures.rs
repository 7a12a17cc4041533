//! The limit on guessing: failed look-ups, by the caller's address. It spares the store and
//! costs no tenant anything.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tollgate_chain::{Rate, Rule};

use crate::Clock;
use crate::quota::{Charge, MemoryQuota, MemoryQuotaLimits, Outcome, Owner};

#[derive(Debug)]
pub(super) struct Failures {
    buckets: MemoryQuota,
    rate: Rate,
}

impl Failures {
    pub(super) fn new(clock: Arc<dyn Clock>, rate: Rate) -> Self {
        let limits = MemoryQuotaLimits { principal_buckets_max: 1, ..Default::default() };
        Self { buckets: MemoryQuota::new(clock, limits), rate: Rate { cost: 1, ..rate } }
    }

    /// Whether the address may fail once more.
    ///
    /// # Errors
    /// It may not, for so long.
    pub(super) fn check(&self, client: IpAddr) -> Result<(), Duration> {
        self.buckets.peek(&self.charge(client))
    }

    /// Charges a failure.
    pub(super) fn count(&self, client: IpAddr) {
        if let Outcome::Allowed { mut reservation, .. } =
            self.buckets.take_now(&[self.charge(client)])
        {
            reservation.commit();
        }
    }

    fn charge(&self, client: IpAddr) -> Charge<'static> {
        Charge { name: "", owner: Owner::address(client), rule: Rule::Rate(self.rate) }
    }
}
