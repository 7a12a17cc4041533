//! Chooses the upstream by the Route's service and the principal's environment.
//!
//! A service without a target in an environment is refused there, and never served by the other.

mod policy;
mod settings;

use tollgate_sdk::{Host, Plugin, Verdict, export_plugin};

pub use policy::decide;
pub use settings::Settings;

/// The policy `routing`.
#[derive(Debug)]
pub struct Routing;

impl Plugin for Routing {
    type Settings = Settings;

    fn on_request(settings: &Settings, host: &mut impl Host) -> Verdict {
        decide(settings, host)
    }
}

export_plugin!(Routing);
