//! Establishes who is calling, and whether the Route is theirs to call.
//!
//! The key itself stays with the host: this policy hands its handle on and never reads it.

mod policy;
mod refusal;
mod settings;

use tollgate_sdk::{Host, Plugin, Verdict, export_plugin};

pub use policy::decide;
pub use settings::Settings;

/// The policy `auth`.
#[derive(Debug)]
pub struct Auth;

impl Plugin for Auth {
    type Settings = Settings;

    fn on_request(settings: &Settings, host: &mut impl Host) -> Verdict {
        decide(settings, host)
    }
}

export_plugin!(Auth);
