//! Answers preflights and marks responses for the origins that may read them.
//!
//! Stands before `auth`: a browser sends preflights without credentials.

mod policy;
mod settings;

use tollgate_sdk::{Host, Plugin, Verdict, export_plugin};

pub use policy::decide;
pub use settings::Settings;

/// The policy `cors`.
#[derive(Debug)]
pub struct Cors;

impl Plugin for Cors {
    type Settings = Settings;

    fn on_request(settings: &Settings, host: &mut impl Host) -> Verdict {
        decide(settings, host)
    }
}

export_plugin!(Cors);
