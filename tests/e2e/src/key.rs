//! Well-formed API keys for credentials files.

use ring::digest::{SHA256, digest};
use tollgate_terms::api_key;

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
        // Mixed, so that a search for the random part finds this key alone.
        let random = u128::from(seed).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        let front = format!("tg_{environment}_{random:032x}");
        let checksum = api_key::checksum(&front).map(char::from);
        Self { text: front + &String::from_iter(checksum), environment }
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
