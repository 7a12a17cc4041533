//! The decision: which upstream serves this Route for this principal?

use tollgate_sdk::{Environment, Host, UpstreamState, Verdict, problems};

use crate::Settings;

/// Decides about a request.
pub fn decide(settings: &Settings, host: &mut impl Host) -> Verdict {
    let Some(service) = host.route_attribute("service") else {
        return Verdict::Proceed;
    };
    let Some(targets) = settings.service(&service) else {
        return Verdict::misconfigured();
    };
    let Some(environment) = host.principal_environment() else {
        return no_environment();
    };
    let Some(upstream) = targets.upstream(environment) else {
        return not_offered(environment);
    };
    match host.upstream_state(upstream) {
        UpstreamState::Ready => Verdict::forward(upstream),
        UpstreamState::Unavailable => unavailable(host),
        UpstreamState::Unknown => Verdict::misconfigured(),
    }
}

/// A Route that leads to a service by environment is of no use to nobody in particular.
fn no_environment() -> Verdict {
    mismatch("This route needs a key, which decides whether it leads to sandbox or to live.".into())
}

fn not_offered(environment: Environment) -> Verdict {
    let (own, other) = (environment.as_str(), environment.other().as_str());
    mismatch(format!("This route has no target in {own}. It is offered in {other} only."))
}

fn mismatch(detail: String) -> Verdict {
    problems::ENVIRONMENT_MISMATCH.refuse(detail)
}

fn unavailable(host: &mut impl Host) -> Verdict {
    host.reply_header_set("retry-after", "1");
    problems::UPSTREAM_UNAVAILABLE
        .refuse("The service behind this route is unavailable. Nothing was processed.")
}
