//! The decision: is the operation this exchange's to carry out?

use tollgate_sdk::{Claimed, Host, KeyState, Verdict, problems};

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
    problems::IDEMPOTENCY_KEY_MISSING.refuse(
        "This route needs the header Idempotency-Key: a value of your own, new for each \
         operation and the same for its retries.",
    )
}

fn invalid() -> Verdict {
    problems::IDEMPOTENCY_KEY_INVALID.refuse(
        "Idempotency-Key must be one line with one value: a quoted string of 1 to 255 visible \
         ASCII characters and spaces, or 1 to 255 of A-Z a-z 0-9 _ . : - without quotes.",
    )
}

fn in_progress(host: &mut impl Host) -> Verdict {
    host.reply_header_set("retry-after", "1");
    problems::IDEMPOTENCY_IN_PROGRESS.refuse(
        "Another request with this key is being processed. Retry with the same key to get its \
         result.",
    )
}

fn reused() -> Verdict {
    problems::IDEMPOTENCY_KEY_REUSED.refuse(
        "This key was used with a different request. Send a retry byte for byte as before, or a \
         new operation with a new key.",
    )
}

fn unavailable(host: &mut impl Host) -> Verdict {
    host.reply_header_set("retry-after", "1");
    problems::IDEMPOTENCY_UNAVAILABLE.refuse(
        "The key cannot be checked at the moment, so nothing was processed. Retry with the same \
         key.",
    )
}
