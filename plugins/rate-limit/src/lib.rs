//! Charges each request to the quotas that apply to it: all of them in one step, or none.
//!
//! Counting is the host's; this policy says which buckets there are.

mod policy;
mod settings;

use tollgate_sdk::{Host, Plugin, Verdict, export_plugin};

pub use policy::decide;
pub use settings::Settings;

/// The policy `rate-limit`.
#[derive(Debug)]
pub struct RateLimit;

impl Plugin for RateLimit {
    type Settings = Settings;

    fn on_request(settings: &Settings, host: &mut impl Host) -> Verdict {
        decide(settings, host)
    }
}

export_plugin!(RateLimit);
