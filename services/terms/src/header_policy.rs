//! The header policy: which fields end at the gateway, in both directions.
//!
//! One table serves requests and answers. `host/edge` drops fields of callers as they arrive,
//! refuses a `Connection` that names a protected one, and extends `Via`; `host/upstream` strips
//! requests before it forwards them, and answers as they arrive. A field that is not in the table
//! passes.

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
/// Claims an identity, an address, or another method or path, as proxies assert them to services
/// behind them: dropped on arrival, since nobody in front of the gateway speaks for its services.
const CLAIM: u8 = 1 << 6;
/// Binary metadata of gRPC: passed on to gRPC services from gRPC callers, stripped from all others.
const BINARY: u8 = 1 << 7;

/// Fields that an upstream gets although they are meant for the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Passed {
    /// `Authorization`.
    pub authorization: bool,
    /// `Cookie`.
    pub cookie: bool,
    /// Names that end in `-bin`, as a gRPC caller sends them to a gRPC service.
    pub binary: bool,
}

impl FieldPolicy {
    /// Returns the policy for a field name in lower case.
    #[inline]
    #[must_use]
    pub fn of(name: &str) -> Self {
        match find(name) {
            Some(policy) => Self(policy),
            None if name.ends_with(BINARY_SUFFIX) => Self(BINARY),
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
        self.0 & (FORWARDING | OWN | CLAIM) != 0
    }

    /// Tells whether a caller's field is stripped before its request is forwarded.
    #[must_use]
    pub const fn is_stripped_before_forwarding(self) -> bool {
        self.0 & (FORWARDING | OWN | CLAIM | CONSUMED | BINARY) != 0
    }

    /// Tells whether the field of this name, which is otherwise stripped, is passed on to an
    /// upstream that gets such fields.
    #[must_use]
    pub fn is_passed(self, name: &str, passed: Passed) -> bool {
        match name {
            "authorization" => passed.authorization,
            "cookie" => passed.cookie,
            _ => self.0 == BINARY && passed.binary,
        }
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

/// Fields that no response has, whoever wrote it: the gateway does not name the software behind it.
/// `Set-Cookie` passes where the upstream may set cookies.
pub const NEVER_IN_RESPONSES: [HeaderName; 1] = [http::header::SERVER];

/// Fields of a caller that become metadata of a translated gRPC call. No other does, but for `Via`,
/// by which loops are noticed.
pub const PASSED_AS_METADATA: [HeaderName; 3] = [
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    http::header::ACCEPT_LANGUAGE,
];

/// Names with a treatment of their own, before [`PREFIXES`].
const NAMES: [(&str, u8); 62] = [
    ("connection", HOP | PROTECTED),
    ("http2-settings", HOP),
    ("keep-alive", HOP),
    ("proxy-authenticate", HOP),
    ("proxy-authorization", HOP | CONSUMED | PROTECTED),
    ("proxy-connection", HOP),
    ("te", HOP),
    ("transfer-encoding", HOP | PROTECTED),
    ("upgrade", HOP),
    // The way here. `Via` is checked for loops and extended on arrival.
    ("forwarded", FORWARDING | PROTECTED),
    ("via", PROTECTED),
    ("x-forwarded", FORWARDING | PROTECTED),
    ("x-real-ip", FORWARDING | PROTECTED),
    // The gateway's own words to services and to callers.
    (metadata::OPERATION_KEY, OWN | PROTECTED),
    (metadata::REQUEST_FINGERPRINT, OWN | PROTECTED),
    ("idempotent-replayed", OWN | PROTECTED),
    // Another way to the same authority, past the gateway (RFC 7838).
    ("alt-svc", SAID),
    // Addresses of callers, as content delivery networks and load balancers write them.
    ("client-ip", CLAIM),
    ("fastly-client-ip", CLAIM),
    ("fly-client-ip", CLAIM),
    ("true-client-ip", CLAIM),
    ("x-appengine-user-ip", CLAIM),
    ("x-client-ip", CLAIM),
    ("x-cluster-client-ip", CLAIM),
    ("x-originating-ip", CLAIM),
    // Another method, target or scheme than the one that policies decided about.
    ("base-url", CLAIM),
    ("front-end-https", CLAIM),
    ("x-host", CLAIM),
    ("x-http-host-override", CLAIM),
    ("x-http-method", CLAIM),
    ("x-http-method-override", CLAIM),
    ("x-method-override", CLAIM),
    ("x-middleware-subrequest", CLAIM),
    ("x-rewrite-url", CLAIM),
    ("x-scheme", CLAIM),
    ("x-url-scheme", CLAIM),
    // Becomes `HTTP_PROXY` in the environment of CGI programs.
    ("proxy", CLAIM),
    // Identities, as proxies that authenticate write them. RFC 9440 for `Client-Cert`.
    ("client-cert", CLAIM),
    ("client-cert-chain", CLAIM),
    ("remote-addr", CLAIM),
    ("remote-user", CLAIM),
    ("x-client-cert", CLAIM),
    ("x-client-dn", CLAIM),
    ("x-credential-identifier", CLAIM),
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
const PREFIXES: [(&str, u8); 25] = [
    ("grpc-", CONSUMED | PROTECTED),
    // Checked and written anew at each hop, or passed on as both ends agree.
    ("sec-websocket-", PROTECTED),
    ("x-forwarded-", FORWARDING | PROTECTED),
    ("x-tenant-", OWN | PROTECTED),
    ("x-tollgate-", OWN | PROTECTED),
    // What proxies assert of callers whom they authenticated, and how they steer each other.
    ("cf-access-", CLAIM),
    ("cf-connecting-ip", CLAIM),
    ("ssl-client-", CLAIM),
    ("x-amzn-mtls-", CLAIM),
    ("x-amzn-oidc-", CLAIM),
    ("x-arr-", CLAIM),
    ("x-auth-request-", CLAIM),
    ("x-authenticated-", CLAIM),
    ("x-azure-", CLAIM),
    ("x-consumer-", CLAIM),
    ("x-envoy-", CLAIM),
    ("x-goog-authenticated-", CLAIM),
    ("x-goog-iap-", CLAIM),
    ("x-ms-client-principal", CLAIM),
    ("x-ms-token-", CLAIM),
    ("x-original-", CLAIM),
    ("x-proxy-", CLAIM),
    ("x-remote-", CLAIM),
    ("x-ssl-", CLAIM),
    ("x-webauth-", CLAIM),
];

/// Ends the name of binary metadata of gRPC, by which services are told what only the gateway
/// knows.
const BINARY_SUFFIX: &str = "-bin";

/// The rows of the tables for each key letter.
const BY_LETTER: [LetterRows; LETTERS] = by_letter();
/// For each length the rows of [`NAMES`] that are so long, as bits.
const BY_LENGTH: [u64; LENGTH_MAX + 1] = by_length();

/// Rows whose names have one key letter, as bits.
#[derive(Clone, Copy)]
struct LetterRows {
    /// Lengths of names that a row may be about; from [`LENGTH_MAX`] on all are one.
    lengths: u64,
    /// The letters that follow the key letter.
    next: u32,
    /// Rows of [`NAMES`].
    names: u64,
    /// Rows of [`PREFIXES`].
    families: u64,
}

/// Longer than any name that is listed by itself.
const LENGTH_MAX: usize = 63;

/// Two alphabets: names that begin with `x-` have the letter after it, all others their first.
const LETTERS: usize = 52;

/// Returns the index of a name's key letter; past the end for a name without one.
#[inline]
const fn key_letter(name: &[u8]) -> usize {
    let (letter, alphabet) = match name {
        [b'x', b'-', letter, ..] => (*letter, 26),
        [letter, ..] => (*letter, 0),
        [] => (0, 0),
    };
    let index = letter.wrapping_sub(b'a');
    if index < 26 { index as usize + alphabet } else { LETTERS }
}

/// Returns the letter after the key letter, as a bit.
#[inline]
const fn next_letter(name: &[u8]) -> u32 {
    match name {
        [b'x', b'-', _, letter, ..] | [_, letter, ..] => 1 << (*letter & 31),
        _ => 0,
    }
}

#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, which fails instead")]
const fn by_letter() -> [LetterRows; LETTERS] {
    let mut rows = [LetterRows { lengths: 0, next: 0, names: 0, families: 0 }; LETTERS];
    let mut index = 0;
    while index < NAMES.len() {
        let name = NAMES[index].0.as_bytes();
        let row = &mut rows[key_letter(name)];
        row.lengths |= 1 << name.len();
        row.next |= next_letter(name);
        row.names |= 1 << index;
        index += 1;
    }

    index = 0;
    while index < PREFIXES.len() {
        let prefix = PREFIXES[index].0.as_bytes();
        let row = &mut rows[key_letter(prefix)];
        row.lengths |= u64::MAX << prefix.len();
        row.next |= next_letter(prefix);
        row.families |= 1 << index;
        index += 1;
    }
    rows
}

#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, which fails instead")]
const fn by_length() -> [u64; LENGTH_MAX + 1] {
    let mut rows = [0; LENGTH_MAX + 1];
    let mut index = 0;
    while index < NAMES.len() {
        rows[NAMES[index].0.len()] |= 1 << index;
        index += 1;
    }
    rows
}

/// Finds a name in [`NAMES`], else its family in [`PREFIXES`]. Every field of a request is looked
/// up several times, so that most are dismissed by key letter, next letter and length, and text is
/// compared with few.
#[inline]
fn find(name: &str) -> Option<u8> {
    let letter = BY_LETTER.get(key_letter(name.as_bytes()))?;
    let length = name.len().min(LENGTH_MAX);
    if letter.lengths >> length & 1 == 0 || letter.next & next_letter(name.as_bytes()) == 0 {
        return None;
    }
    compare(name, letter.names & BY_LENGTH.get(length)?, letter.families)
}

#[inline]
fn compare(name: &str, mut names: u64, mut families: u64) -> Option<u8> {
    while names != 0 {
        let (candidate, policy) = NAMES.get(names.trailing_zeros() as usize)?;
        if *candidate == name {
            return Some(*policy);
        }
        names &= names - 1;
    }

    while families != 0 {
        let (prefix, policy) = PREFIXES.get(families.trailing_zeros() as usize)?;
        if name.starts_with(prefix) {
            return Some(*policy);
        }
        families &= families - 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_name_is_found_and_its_neighbours_are_not() {
        for (name, policy) in NAMES {
            assert_eq!(find(name), Some(policy), "{name}");
            // The same key letter and length, as only the text tells them apart.
            let neighbour = format!("{}!", &name[..name.len() - 1]);
            let family = PREFIXES.iter().find(|(prefix, _)| neighbour.starts_with(prefix));
            assert_eq!(find(&neighbour), family.map(|(_, policy)| *policy), "{neighbour}");
        }
        for stranger in
            ["", "!", "accept", "{", "z", "x-", "x-1", "x", &"c".repeat(31), &"c".repeat(32)]
        {
            assert_eq!(find(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn every_family_is_found_by_its_members_and_no_name_stands_twice() {
        for (prefix, policy) in PREFIXES {
            assert_eq!(find(&format!("{prefix}any")), Some(policy), "{prefix}");
            let short = &prefix[..prefix.len() - 1];
            let is_listed = NAMES.iter().any(|(name, _)| *name == short);
            assert!(is_listed || find(short).is_none(), "{prefix}");
        }
        for (index, (name, _)) in NAMES.iter().enumerate() {
            assert!(NAMES[index + 1..].iter().all(|(other, _)| other != name), "{name}");
        }
    }
}
