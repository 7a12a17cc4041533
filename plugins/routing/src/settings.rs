//! Which upstream serves which service in which environment.

use tollgate_sdk::{Environment, Section};

/// The targets of each service.
#[derive(Debug)]
pub struct Settings {
    services: Vec<(String, Targets)>,
}

/// The upstreams of one service. None where the service is not offered.
#[derive(Debug)]
pub struct Targets {
    sandbox: Option<String>,
    live: Option<String>,
}

impl tollgate_sdk::Settings for Settings {
    fn read(section: &mut Section<'_>) -> Self {
        let services = section.named_sections("services", SERVICES_MAX, |service| {
            let targets = Targets {
                sandbox: service.optional_text("sandbox"),
                live: service.optional_text("live"),
            };
            if targets.sandbox.is_none() && targets.live.is_none() {
                service.problem("live", "expected a target here or in `sandbox`");
            }
            targets
        });
        Self { services }
    }
}

impl Settings {
    /// The targets of a service; None when it is not declared.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&Targets> {
        self.services.iter().find(|(own, _)| own == name).map(|(_, targets)| targets)
    }
}

impl Targets {
    /// The upstream in this environment; None when the service is not offered there.
    #[must_use]
    pub fn upstream(&self, environment: Environment) -> Option<&str> {
        match environment {
            Environment::Sandbox => self.sandbox.as_deref(),
            Environment::Live => self.live.as_deref(),
        }
    }
}

const SERVICES_MAX: usize = 256;
