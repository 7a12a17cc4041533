//! The decision: is the request addressed to a host that is served here?

use tollgate_sdk::{Host, ServerName, Verdict, problems};

use crate::Settings;

/// Decides about a request.
pub fn decide(settings: &Settings, host: &mut impl Host) -> Verdict {
    let index = host.authority_in(settings.names());
    let Some(binding) = index.and_then(|index| settings.binding(index)) else {
        return not_served();
    };
    // RFC 9110 §7.4: a request for one host on a connection made for another is misdirected;
    // else a connection to the sandbox's name could carry requests for live.
    if host.server_name_in(&settings.bound_alike(binding)) == ServerName::Other {
        return not_served();
    }
    if let Some(environment) = binding.0 {
        host.note_set("host-environment", environment.as_str());
    }
    Verdict::Proceed
}

fn not_served() -> Verdict {
    problems::HOST_NOT_SERVED
        .refuse("This server does not serve the requested host on this connection.")
}
