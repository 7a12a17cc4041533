//! API keys made by the published format, apart from the gateway's own code.

use ring::digest::{SHA256, digest};

/// A well-formed key.
#[derive(Debug, Clone)]
pub struct Key {
    /// The whole key.
    pub text: String,
    /// Its environment.
    pub environment: &'static str,
}

impl Key {
    /// A key of this environment; `seed` tells one from another.
    #[must_use]
    pub fn new(environment: &'static str, seed: u32) -> Self {
        let random = base62(u128::from(seed).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060), 32);
        let front = format!("tg_{environment}_{random}");
        let checksum = base62(u128::from(crc32fast::hash(front.as_bytes())), 6);
        Self { text: format!("{front}{checksum}"), environment }
    }

    /// For `Authorization`.
    #[must_use]
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.text)
    }

    /// An entry of a credentials file.
    #[must_use]
    pub fn entry(&self, tenant: &str, scopes: &[&str]) -> String {
        let sha256: String = digest(&SHA256, self.text.as_bytes())
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!(
            "[[keys]]\nid = \"key_{}\"\nsha256 = \"{sha256}\"\ntenant = \"{tenant}\"\n\
             environment = \"{}\"\nscopes = {scopes:?}\n",
            &sha256[..12],
            self.environment
        )
    }
}

/// `width` digits, most significant first, zero padded.
fn base62(mut number: u128, width: usize) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = Vec::with_capacity(width);
    for _ in 0..width {
        let digit = usize::try_from(number % 62).unwrap_or_default();
        text.extend(DIGITS.get(digit));
        number /= 62;
    }
    text.reverse();
    String::from_utf8_lossy(&text).into_owned()
}
