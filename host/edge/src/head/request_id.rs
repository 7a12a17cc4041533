//! The identifier of an exchange: the caller's where it is sound, else a random one.

use std::cell::RefCell;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use ring::rand::{SecureRandom, SystemRandom};
use tollgate_chain::Error;
use tollgate_terms::headers::REQUEST_ID;

/// 8 to 64 of `[A-Za-z0-9_-]`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// Takes the caller's identifier out of the header, or draws one.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn take(headers: &mut HeaderMap) -> Result<Self, Error> {
        let sound = match headers.get(REQUEST_ID) {
            None => return Self::random(),
            Some(value) => is_sound(value.as_bytes()),
        };
        let single = headers.get_all(REQUEST_ID).iter().nth(1).is_none();
        match headers.remove(REQUEST_ID) {
            Some(value) if sound && single => Ok(Self(value)),
            _ => Self::random(),
        }
    }

    /// Draws 128 random bits, as 32 hex digits.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn random() -> Result<Self, Error> {
        const HEX: [u8; 16] = *b"0123456789abcdef";
        let mut text = Vec::with_capacity(32);
        for byte in draw()? {
            for digit in [byte >> 4, byte & 15] {
                text.push(HEX.get(usize::from(digit)).copied().unwrap_or(b'0'));
            }
        }
        HeaderValue::from_maybe_shared(Bytes::from(text))
            .map(Self)
            .map_err(|error| internal(&format!("a request identifier is no field value: {error}")))
    }

    /// Stands in where no identifier could be drawn.
    pub(crate) fn unknown() -> Self {
        Self(HeaderValue::from_static("unknown-request"))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// Returns it as a field value.
    #[must_use]
    pub fn value(&self) -> &HeaderValue {
        &self.0
    }
}

fn is_sound(text: &[u8]) -> bool {
    (8..=64).contains(&text.len())
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

const DRAW: usize = 16;

/// Random bytes, fetched from the system for 64 identifiers at a time: a system call for each
/// request would cost more than the rest of the head's checks.
fn draw() -> Result<[u8; DRAW], Error> {
    thread_local! {
        static POOL: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    POOL.with_borrow_mut(|pool| {
        if pool.len() < DRAW {
            pool.resize(64 * DRAW, 0);
            if SystemRandom::new().fill(pool).is_err() {
                pool.clear();
                return Err(internal("the system gives no randomness"));
            }
        }
        let rest = pool.len() - DRAW;
        let mut drawn = [0; DRAW];
        for (to, from) in drawn.iter_mut().zip(pool.drain(rest..)) {
            *to = from;
        }
        Ok(drawn)
    })
}

fn internal(what: &str) -> Error {
    Error::Internal { internal: what.to_owned() }
}
