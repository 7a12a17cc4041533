//! The bounds that the contract sets to arguments. Each check says what was expected.

use http::{HeaderName, HeaderValue};

use super::{Bucket, Rate, Rule, Text, WasiRead};

/// Result of a check: what was expected, when the argument is out of its bounds.
type Checked = Result<(), &'static str>;

/// Fields that frame the message or belong to the host: no policy sets or drops them.
const RESERVED: [&str; 7] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "transfer-encoding",
    "upgrade",
    "x-request-id",
];

pub(super) fn field_names(names: &[Text]) -> Checked {
    if names.len() > 64 {
        return Err("at most 64 header names");
    }
    names.iter().try_for_each(|name| field_name(name))
}

pub(super) fn field_name(name: &str) -> Checked {
    let name = HeaderName::try_from(name).map_err(|_| "a header name (RFC 9110 §5.1)")?;
    if RESERVED.contains(&name.as_str()) {
        return Err("a header that is not the host's own");
    }
    Ok(())
}

pub(super) fn field(name: &str, value: &str) -> Checked {
    field_name(name)?;
    let value = HeaderValue::from_str(value);
    value.map(drop).map_err(|_| "a value of visible ASCII, spaces and tabs")
}

pub(super) fn note(name: &str, value: &str) -> Checked {
    if (1..=64).contains(&name.len()) && value.len() <= 256 {
        return Ok(());
    }
    Err("a name of 1 to 64 bytes and a value of at most 256")
}

pub(super) fn certificate_names(names: &[Text]) -> Checked {
    let is_name = |name: &Text| match name.split_once(':') {
        Some(("dns", name)) => !name.is_empty() && !name.bytes().any(|b| b.is_ascii_uppercase()),
        Some(("uri", name)) => !name.is_empty(),
        Some(("sha256", digest)) => {
            digest.len() == 64 && digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        }
        Some(_) | None => false,
    };
    if names.len() <= 1_024 && names.iter().all(is_name) {
        return Ok(());
    }
    Err("at most 1024 names as `dns:…` in lower case, `uri:…` or `sha256:…` with 64 digits")
}

pub(super) fn random(bytes: u32) -> Checked {
    if bytes <= WasiRead::RANDOM_MAX { Ok(()) } else { Err("at most 4095 bytes at a time") }
}

pub(super) fn buckets(buckets: &[Bucket]) -> Checked {
    if !(1..=16).contains(&buckets.len()) {
        return Err("1 to 16 buckets");
    }
    for bucket in buckets {
        if !(1..=64).contains(&bucket.name.len()) {
            return Err("a bucket name of 1 to 64 bytes");
        }
        match bucket.rule {
            Rule::Concurrency(1..=100_000) => {}
            Rule::Concurrency(_) => return Err("a concurrency of 1 to 100000"),
            Rule::Rate(own) => rate(own)?,
        }
    }
    Ok(())
}

fn rate(rate: Rate) -> Checked {
    let units = 1..=1_000_000;
    let sound = units.contains(&rate.quota)
        && units.contains(&rate.burst)
        && (1..=86_400).contains(&rate.window_seconds)
        && (1..=rate.burst).contains(&rate.cost);
    if sound {
        return Ok(());
    }
    Err("quota and burst of 1 to 1000000, a window of 1 to 86400 s, a cost of 1 to burst")
}
