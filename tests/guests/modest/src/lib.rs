//! A guest that uses one interface, `credentials`, and of another, `principal`, the types alone.

use tollgate_sdk::{Environment, Host, Plugin, Presentation, Problem, Resolution, Verdict};

/// The guest.
#[derive(Debug)]
pub struct Modest;

impl Plugin for Modest {
    type Settings = ();

    /// Lets the sandbox pass.
    fn on_request((): &(), host: &mut impl Host) -> Verdict {
        let Presentation::One(credential) = host.credentials_presented() else {
            return Verdict::refuse(401, Problem::new("no-credential", "No credential"));
        };
        match host.credentials_resolve(credential) {
            Resolution::Resolved(identity) if identity.environment == Environment::Sandbox => {
                Verdict::Proceed
            }
            Resolution::Resolved(_)
            | Resolution::Invalid
            | Resolution::Throttled
            | Resolution::Unavailable => {
                Verdict::refuse(401, Problem::new("no-sandbox-credential", "Sandbox only"))
            }
        }
    }
}

tollgate_sdk::export_plugin!(Modest);
