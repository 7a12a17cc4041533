//! The decision: is the operation this exchange's to carry out?

use tollgate_sdk::{Claimed, Host, KeyState, Problem, Verdict};

use crate::Settings;

/// Decides about a request.
pub fn decide(settings: &Settings, host: &mut impl Host) -> Verdict {
    let required = match host.route_attribute("idempotency").as_deref() {
        None | Some("none") => return Verdict::Proceed,
        Some("required") => true,
        Some("optional") => false,
        Some(_) => return Verdict::misconfigured(),
    };
    match host.idempotency_key() {
        KeyState::Absent if required => missing(settings, host),
        KeyState::Absent => Verdict::Proceed,
        KeyState::Malformed => invalid(),
        KeyState::Valid => claim(host),
    }
}

fn claim(host: &mut impl Host) -> Verdict {
    match host.idempotency_claim() {
        Claimed::Claimed => Verdict::Proceed,
        Claimed::Completed(held) | Claimed::BodyRefused(held) => Verdict::held(held),
        Claimed::InProgress => in_progress(host),
        Claimed::Reused => reused(),
        Claimed::Unavailable => unavailable(host),
    }
}

fn missing(settings: &Settings, host: &mut impl Host) -> Verdict {
    host.reply_header_set("link", &settings.link);
    let problem = Problem::new("idempotency-key-missing", "Idempotency key missing").detail(
        "This route needs the header Idempotency-Key: a value of your own, new for each \
         operation and the same for its retries.",
    );
    Verdict::refuse(400, problem)
}

fn invalid() -> Verdict {
    let problem = Problem::new("idempotency-key-invalid", "Idempotency key invalid").detail(
        "Idempotency-Key must be one line with one value: a quoted string of 1 to 255 visible \
         ASCII characters and spaces, or 1 to 255 of A-Z a-z 0-9 _ . : - without quotes.",
    );
    Verdict::refuse(400, problem)
}

fn in_progress(host: &mut impl Host) -> Verdict {
    host.reply_header_set("retry-after", "1");
    let problem = Problem::new("idempotency-in-progress", "Operation in progress").detail(
        "Another request with this key is being processed. Retry with the same key to get its \
         result.",
    );
    Verdict::refuse(409, problem)
}

fn reused() -> Verdict {
    let problem = Problem::new("idempotency-key-reused", "Idempotency key reused").detail(
        "This key was used with a different request. Send a retry byte for byte as before, or a \
         new operation with a new key.",
    );
    Verdict::refuse(422, problem)
}

fn unavailable(host: &mut impl Host) -> Verdict {
    host.reply_header_set("retry-after", "1");
    let problem = Problem::new("idempotency-unavailable", "Idempotency unavailable").detail(
        "The key cannot be checked at the moment, so nothing was processed. Retry with the same \
         key.",
    );
    Verdict::refuse(503, problem)
}
