//! The limit on guessing keys: failed look-ups, counted by the caller's address in this process.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tollgate_capability::Clock;
use tollgate_capability::credentials::FailureLimit;
use tollgate_capability::quota::{Charge, ChargeOutcome, Owner};
use tollgate_chain::{Rate, Rule};

use super::{MemoryQuota, MemoryQuotaLimits};

/// Counts failed look-ups by address, in a table of bounded size.
#[derive(Debug)]
pub struct AddressFailures {
    buckets: MemoryQuota,
    rate: Rate,
}

impl AddressFailures {
    /// The usual limit: 100 failures a minute.
    pub const DEFAULT_RATE: Rate = Rate { quota: 100, window_seconds: 60, burst: 100, cost: 1 };

    /// Creates a limit under which no address has failed yet. A failure costs one unit.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, rate: Rate) -> Self {
        let limits = MemoryQuotaLimits { principal_buckets_max: 1, ..Default::default() };
        Self { buckets: MemoryQuota::new(clock, limits), rate: Rate { cost: 1, ..rate } }
    }

    fn charge(&self, client: IpAddr) -> Charge<'static> {
        Charge { name: "", owner: Owner::address(client), rule: Rule::Rate(self.rate) }
    }
}

impl FailureLimit for AddressFailures {
    fn check(&self, client: IpAddr) -> Result<(), Duration> {
        self.buckets.peek(&self.charge(client))
    }

    fn count(&self, client: IpAddr) {
        if let ChargeOutcome::Allowed { mut reservation, .. } =
            self.buckets.take_now(&[self.charge(client)])
        {
            reservation.commit();
        }
    }
}
