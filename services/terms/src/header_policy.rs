//! The header policy: which fields end at the gateway, in both directions.
//!
//! One table serves requests and answers. `host/edge` drops fields of callers as they arrive and
//! refuses a `Connection` that names a protected one; `host/upstream` strips requests before it
//! forwards them, and answers as they arrive. A field that is not in the table passes.

use http::HeaderName;

use crate::metadata;

/// The treatment of one header field; the default is to pass it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FieldPolicy(u8);

/// Ends at each connection (RFC 9110 §7.6.1), in both directions.
const HOP: u8 = 1;
/// Speaks of the caller's way here: believed of trusted proxies only, dropped on arrival.
const FORWARDING: u8 = 1 << 1;
/// Written by the gateway alone: dropped from requests and from answers.
const OWN: u8 = 1 << 2;
/// Meant for the gateway: stripped before a request is forwarded.
const CONSUMED: u8 = 1 << 3;
/// Said by the gateway to its callers: dropped from answers.
const SAID: u8 = 1 << 4;
/// Acted upon by the gateway: must not be named by `Connection`.
const PROTECTED: u8 = 1 << 5;

impl FieldPolicy {
    /// Returns the policy for a field name in lower case.
    #[inline]
    #[must_use]
    pub fn of(name: &str) -> Self {
        if let Some(policy) = listed(name) {
            return Self(policy);
        }
        let prefixed = match name.as_bytes().first() {
            Some(b'g' | b'x') => PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix)),
            _ => None,
        };
        match prefixed {
            Some((_, policy)) => Self(*policy),
            None if name.ends_with(BINARY) => Self(CONSUMED),
            None => Self::default(),
        }
    }

    /// Tells whether the field ends at each connection.
    #[must_use]
    pub const fn is_hop_by_hop(self) -> bool {
        self.0 & HOP != 0
    }

    /// Tells whether the field is one by which proxies speak of the caller.
    #[must_use]
    pub const fn is_forwarding(self) -> bool {
        self.0 & FORWARDING != 0
    }

    /// Tells whether a caller's field is dropped before anybody reads it. Trusted proxies'
    /// forwarding fields are read before.
    #[must_use]
    pub const fn is_dropped_on_arrival(self) -> bool {
        self.0 & (FORWARDING | OWN) != 0
    }

    /// Tells whether a caller's field is stripped before its request is forwarded.
    #[must_use]
    pub const fn is_stripped_before_forwarding(self) -> bool {
        self.0 & (FORWARDING | OWN | CONSUMED) != 0
    }

    /// Tells whether an upstream's field is stripped from its answer.
    #[must_use]
    pub const fn is_stripped_from_answers(self) -> bool {
        self.0 & (HOP | OWN | SAID) != 0
    }

    /// Tells whether `Connection` must not name the field: a peer that could would remove what the
    /// gateway acts upon.
    #[must_use]
    pub const fn is_protected(self) -> bool {
        self.0 & PROTECTED != 0
    }
}

/// Fields that no response has, whoever wrote it: this is a gateway for keys, not for sessions of
/// browsers, and it does not name the software behind it.
pub const NEVER_IN_RESPONSES: [HeaderName; 2] = [http::header::SERVER, http::header::SET_COOKIE];

/// Fields of a caller that become metadata of a translated gRPC call; no other does.
pub const PASSED_AS_METADATA: [HeaderName; 3] = [
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    http::header::ACCEPT_LANGUAGE,
];

/// Names with a treatment of their own, before [`PREFIXES`].
const NAMES: [(&str, u8); 32] = [
    ("connection", HOP | PROTECTED),
    ("http2-settings", HOP),
    ("keep-alive", HOP),
    ("proxy-authenticate", HOP),
    ("proxy-authorization", HOP | CONSUMED | PROTECTED),
    ("proxy-connection", HOP),
    ("te", HOP),
    ("transfer-encoding", HOP | PROTECTED),
    ("upgrade", HOP),
    // The way here.
    ("forwarded", FORWARDING | PROTECTED),
    ("x-real-ip", FORWARDING | PROTECTED),
    // The gateway's own words to services and to callers.
    (metadata::OPERATION_KEY, OWN | PROTECTED),
    (metadata::REQUEST_FINGERPRINT, OWN | PROTECTED),
    ("idempotent-replayed", SAID),
    // Credentials and limits for the gateway.
    ("authorization", CONSUMED | PROTECTED),
    ("connect-timeout-ms", CONSUMED | PROTECTED),
    ("cookie", CONSUMED | PROTECTED),
    ("x-api-key", CONSUMED | PROTECTED),
    ("x-request-timeout", CONSUMED | PROTECTED),
    // Read by the gateway and passed on.
    ("access-control-request-headers", PROTECTED),
    ("access-control-request-method", PROTECTED),
    ("connect-protocol-version", PROTECTED),
    ("content-encoding", PROTECTED),
    ("content-length", PROTECTED),
    ("content-type", PROTECTED),
    ("expect", PROTECTED),
    ("grpc-accept-encoding", PROTECTED),
    ("grpc-encoding", PROTECTED),
    ("host", PROTECTED),
    ("idempotency-key", PROTECTED),
    ("origin", PROTECTED),
    (metadata::REQUEST_ID, PROTECTED),
];

/// Families of names. All of `grpc-*` steers a call, but for the two above that say how its
/// messages are compressed.
const PREFIXES: [(&str, u8); 4] = [
    ("grpc-", CONSUMED | PROTECTED),
    ("x-forwarded-", FORWARDING | PROTECTED),
    ("x-tenant-", OWN | PROTECTED),
    ("x-tollgate-", OWN | PROTECTED),
];

/// Ends the name of binary metadata of gRPC, by which services are told what only the gateway
/// knows.
const BINARY: &str = "-bin";

/// For each first letter the rows of [`NAMES`] that begin with it, as bits.
const BY_LETTER: [u64; 26] = by_letter();
/// For each length the rows of [`NAMES`] that are so long, as bits.
const BY_LENGTH: [u64; 32] = by_length();

#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, which fails instead")]
const fn by_letter() -> [u64; 26] {
    let mut rows = [0; 26];
    let mut index = 0;
    while index < NAMES.len() {
        rows[(NAMES[index].0.as_bytes()[0] - b'a') as usize] |= 1 << index;
        index += 1;
    }
    rows
}

#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, which fails instead")]
const fn by_length() -> [u64; 32] {
    let mut rows = [0; 32];
    let mut index = 0;
    while index < NAMES.len() {
        rows[NAMES[index].0.len()] |= 1 << index;
        index += 1;
    }
    rows
}

/// Finds a name in [`NAMES`]. Every field of a request is looked up several times, so that text is
/// compared only with names of the same first letter and length: mostly none, else one.
#[inline]
fn listed(name: &str) -> Option<u8> {
    let letter = name.as_bytes().first()?.wrapping_sub(b'a');
    let mut rows = BY_LETTER.get(usize::from(letter))? & BY_LENGTH.get(name.len())?;
    while rows != 0 {
        let (candidate, policy) = NAMES.get(rows.trailing_zeros() as usize)?;
        if *candidate == name {
            return Some(*policy);
        }
        rows &= rows - 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_name_is_found_and_its_neighbours_are_not() {
        for (name, policy) in NAMES {
            assert_eq!(listed(name), Some(policy), "{name}");
            // The same first letter and length, as only the text tells them apart.
            let neighbour = format!("{}!", &name[..name.len() - 1]);
            assert_eq!(listed(&neighbour), None, "{neighbour}");
        }
        for stranger in ["", "!", "accept", "{", "z", &"c".repeat(31), &"c".repeat(32)] {
            assert_eq!(listed(stranger), None, "{stranger}");
        }
    }
}
