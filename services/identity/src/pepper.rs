//! Peppers: `HMAC-SHA-256(pepper, SHA-256(key))` is stored, so that a dump verifies no guessed key.
//!
//! Two versions are accepted while one replaces the other; the highest one mints.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// The stored digest of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PepperedDigest {
    /// 32 bytes.
    pub digest: Vec<u8>,
    /// The version of the pepper.
    pub version: i32,
}

/// One or two peppers, the highest version first.
#[derive(Clone)]
pub struct Peppers(Vec<(i32, hmac::Key)>);

/// A pepper file that cannot be parsed. Repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected one or two lines of `<version> <base64 of 32 bytes>`, versions differing")]
pub struct MalformedPeppers;

impl fmt::Debug for Peppers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(version, _)| version)).finish()
    }
}

impl Peppers {
    /// Parses a pepper file.
    ///
    /// # Errors
    /// [`MalformedPeppers`] if it is not one or two lines of a version and 32 bytes.
    pub fn parse(text: &str) -> Result<Self, MalformedPeppers> {
        let mut peppers = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| parse_line(line).ok_or(MalformedPeppers))
            .collect::<Result<Vec<_>, _>>()?;
        peppers.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        match peppers.as_slice() {
            [_] => Ok(Self(peppers)),
            [(new, _), (old, _)] if new != old => Ok(Self(peppers)),
            _ => Err(MalformedPeppers),
        }
    }

    /// Returns the digest to store for a new key; none without a pepper, which parsing excludes.
    #[must_use]
    pub fn newest(&self, key_sha256: &[u8]) -> Option<PepperedDigest> {
        self.candidates(key_sha256).into_iter().next()
    }

    /// Returns the digests that a presented key may be stored as.
    #[must_use]
    pub fn candidates(&self, key_sha256: &[u8]) -> Vec<PepperedDigest> {
        self.0
            .iter()
            .map(|(version, key)| PepperedDigest {
                digest: hmac::sign(key, key_sha256).as_ref().to_vec(),
                version: *version,
            })
            .collect()
    }
}

fn parse_line(line: &str) -> Option<(i32, hmac::Key)> {
    let (version, secret) = line.trim().split_once(char::is_whitespace)?;
    let version = version.parse().ok().filter(|version| *version > 0)?;
    let secret = STANDARD.decode(secret.trim()).ok().filter(|secret| secret.len() == 32)?;
    Some((version, hmac::Key::new(hmac::HMAC_SHA256, &secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(version: i32, fill: u8) -> String {
        format!("{version} {}\n", STANDARD.encode([fill; 32]))
    }

    #[test]
    fn the_highest_version_mints_and_both_are_accepted() {
        let peppers = Peppers::parse(&(line(1, 7) + &line(2, 8))).unwrap();
        assert_eq!(peppers.newest(b"digest").unwrap().version, 2);
        let versions: Vec<_> = peppers.candidates(b"digest").iter().map(|p| p.version).collect();
        assert_eq!(versions, [2, 1]);
        let alone = Peppers::parse(&line(1, 7)).unwrap();
        assert_eq!(alone.newest(b"digest"), peppers.candidates(b"digest").pop());
    }

    #[test]
    fn none_three_equal_or_short_peppers_are_refused() {
        let short = format!("1 {}\n", STANDARD.encode([0; 31]));
        let three = line(1, 1) + &line(2, 2) + &line(3, 3);
        for text in ["", "nonsense", "0 AAAA", &short, &three, &(line(1, 1) + &line(1, 2))] {
            assert_eq!(Peppers::parse(text).unwrap_err(), MalformedPeppers, "{text}");
        }
    }

    #[test]
    fn peppers_do_not_print() {
        let peppers = Peppers::parse(&line(1, 7)).unwrap();
        assert_eq!(format!("{peppers:?}"), "{1}");
    }
}
