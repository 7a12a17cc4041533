//! A gateway whose rules and auth component are exchanged for others, and the proof that the
//! newest are in force.

use std::fs;

use anyhow::{Context, Result, ensure};
use http::Method;

use crate::gate::{Gate, component};

const ORIGIN: &str = "https://app.example.com";
/// Text of the auth plugin, as a caller without a key reads it; exchanged for another of its
/// length.
const HINT: &str = "Send your API key as";

/// A gateway with the six policies, and the content of its files that it is to serve next.
#[derive(Debug)]
pub struct VariedGate {
    /// The gateway.
    pub gate: Gate,
    /// The content of `rules.toml`.
    pub rules: String,
    /// The content of `auth.wasm`.
    pub auth: Vec<u8>,
    origin: String,
    hint: String,
}

impl VariedGate {
    /// Starts from the rules and the component that the gateway was started with.
    ///
    /// # Errors
    /// The rules cannot be read, or the component is not built.
    pub fn new(gate: Gate) -> Result<Self> {
        let rules = fs::read_to_string(gate.file("rules.toml"))?;
        let (origin, hint) = (ORIGIN.to_owned(), HINT.to_owned());
        Ok(Self { gate, rules, auth: component("auth")?, origin, hint })
    }

    /// Exchanges the one origin that may call from a browser.
    pub fn vary_rules(&mut self, number: u64) {
        let origin = format!("https://app-{number}.example.com");
        self.rules = self.rules.replace(&self.origin, &origin);
        self.origin = origin;
    }

    /// Exchanges a text of the auth component for another with this number, of two digits.
    ///
    /// # Errors
    /// The component does not have the text.
    pub fn vary_component(&mut self, number: u64) -> Result<()> {
        let hint = format!("{}{number:02}", HINT.get(..HINT.len() - 2).unwrap_or_default());
        let old = self.hint.as_bytes();
        let at = self.auth.windows(old.len()).position(|text| text == old);
        let at = at.with_context(|| format!("the plugin does not say {:?}", self.hint))?;
        let place = self.auth.get_mut(at..at + hint.len()).context("room for the text")?;
        place.copy_from_slice(hint.as_bytes());
        self.hint = hint;
        Ok(())
    }

    /// Checks that callers meet the newest origin and the newest text.
    ///
    /// # Errors
    /// They meet an older one, or get no reply in time.
    pub async fn is_in_force(&self) -> Result<()> {
        let preflight_fields =
            [("origin", self.origin.as_str()), ("access-control-request-method", "GET")];
        let preflight =
            self.gate.send(Method::OPTIONS, "/v1/things/1", &preflight_fields, "").await?;
        let allowed = preflight.header("access-control-allow-origin");
        ensure!(allowed == Some(&self.origin), "{} is not allowed: {allowed:?}", self.origin);

        let stranger = self.gate.send(Method::GET, "/v1/things/1", &[], "").await?;
        ensure!(stranger.text().contains(&self.hint), "{}: {}", self.hint, stranger.text());
        Ok(())
    }
}
