//! Amounts: whole minor units of a currency. There are no fractions anywhere.

use std::fmt;

/// A currency or an asset: 3 to 10 capital letters and digits, a letter first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Currency(String);

/// An amount above zero, of which the negative is representable too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount {
    minor_units: i64,
    currency: Currency,
}

/// Why an amount is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is zero or less.
    #[error("the amount is not above zero")]
    NotPositive,
    /// The text is not a currency's.
    #[error("a currency has 3 to 10 capital letters and digits, a letter first")]
    NotACurrency,
}

impl Currency {
    /// Takes a code.
    ///
    /// # Errors
    /// When it does not have the form of one.
    pub fn new(code: &str) -> Result<Self, Refused> {
        let formed = code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
            && code.starts_with(|first: char| first.is_ascii_uppercase())
            && (3..=10).contains(&code.len());
        if formed { Ok(Self(code.into())) } else { Err(Refused::NotACurrency) }
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Amount {
    /// Takes an amount in minor units.
    ///
    /// # Errors
    /// When it is not above zero.
    pub fn new(minor_units: i64, currency: Currency) -> Result<Self, Refused> {
        if minor_units <= 0 {
            return Err(Refused::NotPositive);
        }
        Ok(Self { minor_units, currency })
    }

    /// In minor units; above zero.
    #[must_use]
    pub fn minor_units(&self) -> i64 {
        self.minor_units
    }

    /// Of what.
    #[must_use]
    pub fn currency(&self) -> &Currency {
        &self.currency
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currencies_have_their_form() {
        for code in ["EUR", "USDC", "A1B2C3D4E5"] {
            assert_eq!(Currency::new(code).unwrap().as_str(), code);
        }
        for code in ["", "EU", "eur", "1NCH", "EUR ", "ÄÖÜ", "A1B2C3D4E5F"] {
            assert_eq!(Currency::new(code), Err(Refused::NotACurrency), "{code}");
        }
    }

    #[test]
    fn amounts_are_above_zero() {
        let eur = || Currency::new("EUR").unwrap();
        assert_eq!(Amount::new(i64::MAX, eur()).unwrap().minor_units(), i64::MAX);
        for minor_units in [0, -1, i64::MIN] {
            assert_eq!(Amount::new(minor_units, eur()), Err(Refused::NotPositive));
        }
    }
}
