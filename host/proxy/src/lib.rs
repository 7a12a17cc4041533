//! The life of a request: match a Route, let the chain decide, forward, let it decide again.
//!
//! [`Gateway`] carries the requests of one listener by the [`Snapshot`] that [`Live`] holds. What
//! the rest of the gateway wants to know is written to plain structures of this crate: counters
//! to [`Ledger`], receipts to [`ReceiptLog`]. How a Snapshot is made is `control`'s, what is told
//! of a receipt is `insight`'s.
//!
//! Read next: `exchange.rs`, then `forward.rs`.

mod detachable;
mod exchange;
mod forward;
mod live;
mod meters;
mod payload;
mod readiness;
mod receipts;
mod snapshot;
pub mod testing;
mod tunnel;

pub use exchange::Gateway;
pub use exchange::rehearse::{Rehearsal, rehearse};
pub use live::Live;
pub use meters::{Ledger, Meters};
pub use readiness::{Readiness, ReadyState};
pub use receipts::{
    ChainInfo, ComponentIdentity, DecisionRecord, ExchangeEnding, PolicyInfo, PolicyRecord,
    ReceiptLog, ReceiptRecord, RetentionClass,
};
pub use snapshot::{Binding, BoxedHost, Call, Snapshot, Targets, UpstreamTarget};
