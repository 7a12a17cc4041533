//! A guest that lets callers pass by the names of their certificates, and refuses all others.

use tollgate_sdk::{Host, Plugin, Problem, Section, Settings, Verdict};

/// The guest.
#[derive(Debug)]
pub struct Vouched;

/// The names of callers that pass.
#[derive(Debug)]
pub struct Names(Vec<String>);

impl Settings for Names {
    fn read(section: &mut Section<'_>) -> Self {
        Self(section.texts("names", 64))
    }
}

impl Plugin for Vouched {
    type Settings = Names;

    /// Refuses a caller whose certificate has none of the names, and says which one it showed.
    fn on_request(Names(names): &Names, host: &mut impl Host) -> Verdict {
        if host.client_certificate_in(names).is_some() {
            return Verdict::Proceed;
        }
        let problem = Problem::new("caller-unknown", "Caller unknown");
        let problem = match host.client_certificate() {
            Some(shown) => problem.detail(format!("The certificate is {}.", shown.fingerprint)),
            None => problem.detail("There is no certificate."),
        };
        Verdict::refuse(403, problem)
    }
}

tollgate_sdk::export_plugin!(Vouched);
