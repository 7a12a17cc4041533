//! `Debug` of the messages that carry a key: everything except the key.

use std::fmt;

use crate::identity::{MintApiKeyResponse, RotateApiKeyResponse};

impl fmt::Debug for MintApiKeyResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MintApiKeyResponse")
            .field("api_key", &self.api_key)
            .field("secret_withheld", &self.secret_withheld)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RotateApiKeyResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RotateApiKeyResponse")
            .field("api_key", &self.api_key)
            .field("secret_withheld", &self.secret_withheld)
            .field("replaced", &self.replaced)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_key_is_absent_from_debug_text() {
        let mint = MintApiKeyResponse { secret: "tg_live_x".into(), ..Default::default() };
        let rotate = RotateApiKeyResponse { secret: "tg_live_x".into(), ..Default::default() };
        assert!(!format!("{mint:?}{rotate:?}").contains("tg_live_x"));
    }
}
