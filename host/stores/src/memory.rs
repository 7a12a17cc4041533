//! Stores in the memory of this process: for a gateway that is alone, and for tests.
//!
//! All of them are bounded. Their content ends with the process.

mod failures;
mod idempotency;
mod quota;

pub use failures::AddressFailures;
pub use idempotency::{MemoryIdempotency, MemoryIdempotencyLimits};
pub use quota::{MemoryQuota, MemoryQuotaLimits};
