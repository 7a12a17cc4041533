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

/// The errors of amounts and currencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMoney {
    /// The amount is zero or less.
    #[error("the amount is not above zero")]
    NotPositive,
    /// The text is no currency code.
    #[error("a currency has 3 to 10 capital letters and digits, a letter first")]
    NotACurrency,
}

impl Currency {
    /// Parses a currency code.
    ///
    /// # Errors
    /// [`InvalidMoney::NotACurrency`].
    pub fn new(code: &str) -> Result<Self, InvalidMoney> {
        let is_code = code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
            && code.starts_with(|first: char| first.is_ascii_uppercase())
            && (3..=10).contains(&code.len());
        if is_code { Ok(Self(code.into())) } else { Err(InvalidMoney::NotACurrency) }
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
    /// Makes an amount of minor units.
    ///
    /// # Errors
    /// [`InvalidMoney::NotPositive`] if it is not above zero.
    pub fn new(minor_units: i64, currency: Currency) -> Result<Self, InvalidMoney> {
        if minor_units <= 0 {
            return Err(InvalidMoney::NotPositive);
        }
        Ok(Self { minor_units, currency })
    }

    /// The number of minor units, above zero.
    #[must_use]
    pub fn minor_units(&self) -> i64 {
        self.minor_units
    }

    /// The currency.
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
            assert_eq!(Currency::new(code), Err(InvalidMoney::NotACurrency), "{code}");
        }
    }

    #[test]
    fn amounts_are_above_zero() {
        let eur = || Currency::new("EUR").unwrap();
        assert_eq!(Amount::new(i64::MAX, eur()).unwrap().minor_units(), i64::MAX);
        for minor_units in [0, -1, i64::MIN] {
            assert_eq!(Amount::new(minor_units, eur()), Err(InvalidMoney::NotPositive));
        }
    }
}
