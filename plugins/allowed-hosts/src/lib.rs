//! Refuses requests for hosts that are not served here, and binds hosts to environments.
//!
//! Leaves the note `host-environment` for the policies after it.

mod policy;
mod settings;

use tollgate_sdk::{Host, Plugin, Verdict, export_plugin};

pub use policy::decide;
pub use settings::Settings;

/// The policy `allowed-hosts`.
#[derive(Debug)]
pub struct AllowedHosts;

impl Plugin for AllowedHosts {
    type Settings = Settings;

    fn on_request(settings: &Settings, host: &mut impl Host) -> Verdict {
        decide(settings, host)
    }
}

export_plugin!(AllowedHosts);
