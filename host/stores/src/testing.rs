//! Stores for tests and measurements that need no gateway.

use std::sync::Arc;

use tollgate_capability::credentials::{CredentialStore, Resolver, ResolverOptions};
use tollgate_capability::{Clock, Stores};

use crate::memory::{
    AddressFailures, MemoryIdempotency, MemoryIdempotencyLimits, MemoryQuota, MemoryQuotaLimits,
};

/// Makes stores in memory, on one clock, around this store of credentials. All bounds but those of
/// idempotency records are the defaults.
pub fn in_memory(
    clock: Arc<dyn Clock>,
    credentials: Arc<dyn CredentialStore>,
    records: MemoryIdempotencyLimits,
) -> Stores {
    let failures = AddressFailures::new(Arc::clone(&clock), AddressFailures::DEFAULT_RATE);
    let options = ResolverOptions::default();
    let resolver = Resolver::new(credentials, Arc::new(failures), Arc::clone(&clock), options);

    Stores {
        credentials: resolver,
        quota: Arc::new(MemoryQuota::new(Arc::clone(&clock), MemoryQuotaLimits::default())),
        idempotency: Arc::new(MemoryIdempotency::new(Arc::clone(&clock), records)),
        clock,
    }
}
