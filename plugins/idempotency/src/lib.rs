//! Makes retries of a write safe to send: claims the caller's key before the upstream is called.
//!
//! Stands last: every other refusal comes before the claim.

mod policy;
mod settings;

use tollgate_sdk::{Host, Plugin, Verdict, export_plugin};

pub use policy::decide;
pub use settings::Settings;

/// The policy `idempotency`.
#[derive(Debug)]
pub struct Idempotency;

impl Plugin for Idempotency {
    type Settings = Settings;

    fn on_request(settings: &Settings, host: &mut impl Host) -> Verdict {
        decide(settings, host)
    }
}

export_plugin!(Idempotency);
