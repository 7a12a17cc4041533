//! Keys, routes, headers and bodies, each known by its number, so that load, gateway and gate need
//! not pass lists to each other.

use std::time::SystemTime;

use tollgate_terms::api_key;

/// The host that requests are for.
pub const HOST: &str = "bench.example.com";
/// The origin of the pages that send them.
pub const PAGE: &str = "https://app.example.com";
/// Keys of rows that are not about their number.
pub const KEYS: u64 = 10_000;
/// Routes of such rows.
pub const ROUTES: u64 = 200;
/// Services behind the routes.
pub const SERVICES: u64 = 20;
/// Scopes that routes ask for; every key has all.
pub const SCOPES: [&str; 4] = ["work:write", "orders:write", "bills:write", "things:write"];

/// Body of every request.
pub const BODY: &[u8] = br#"{"depositAccountId":"acc_01","amount":{"minorUnits":"1250","currency":"USD"},"reference":"a"}"#;

/// Headers of every request, beside host, length, key, operation and identifier: fifteen in all.
pub const HEADERS: [(&str, &str); 10] = [
    ("user-agent", "bench/1"),
    ("accept", "application/json"),
    ("accept-language", "en"),
    ("cache-control", "no-cache"),
    ("content-type", "application/json"),
    ("origin", PAGE),
    ("referer", "https://app.example.com/deposits"),
    ("x-client-version", "4.2.0"),
    ("x-client-platform", "linux"),
    ("x-correlation", "5f3c1f0e9b2a4d57"),
];

/// Path of a route.
pub fn path(route: u64) -> String {
    format!("/v1/r{route}/work")
}

/// Attributes of a route, for policies.
pub fn attributes(route: u64) -> [(&'static str, String); 4] {
    let scope = usize::try_from(route).ok().and_then(|route| SCOPES.get(route % SCOPES.len()));
    [
        ("service", service(route % SERVICES)),
        ("scope", scope.copied().unwrap_or_default().to_owned()),
        ("rate-class", "write".to_owned()),
        ("idempotency", "optional".to_owned()),
    ]
}

/// Name of a service.
pub fn service(number: u64) -> String {
    format!("s{number}")
}

/// An API key of digits with its checksum: it opens nothing but this benchmark.
pub fn key(number: u64) -> String {
    let body = format!("tg_sandbox_{number:032}");
    let sum = api_key::checksum(&body).map(char::from);
    body + &String::from_iter(sum)
}

/// Draws numbers, quickly and not for secrets (xorshift64*).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice whose rolls differ from those of other numbers, processes and moments.
    pub fn new(number: u64) -> Self {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
        let now = u64::try_from(now).unwrap_or_default();
        let own = u64::from(std::process::id()) << 32 | number;
        let mut dice = Self((now ^ own.wrapping_mul(0x9E37_79B9_7F4A_7C15)).max(1));
        for _ in 0..8 {
            dice.roll();
        }
        dice
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        (self.roll() >> 8) % end.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use tollgate_capability::credentials::ApiKey;

    #[test]
    fn keys_are_sound_and_differ() {
        let digests: BTreeSet<_> =
            (0..50).map(|number| ApiKey::parse(&key(number)).unwrap().digest.0.0).collect();
        assert_eq!(digests.len(), 50);
    }

    #[test]
    fn dice_reach_every_number_and_none_beyond() {
        let mut dice = Dice::new(1);
        let rolled: BTreeSet<_> = (0..1_000).map(|_| dice.below(7)).collect();
        assert_eq!(rolled, (0..7).collect());
    }

    #[test]
    fn a_request_has_fifteen_headers() {
        assert_eq!(HEADERS.len() + 5, 15);
    }
}
