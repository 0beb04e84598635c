//! Money in decimals.

use std::{fmt, str::FromStr};

use rust_decimal::Decimal;

use crate::Energy;

/// Most that one amount may be, either side of zero: what `numeric(24,9)` and proto `Money` both hold.
const MOST: i64 = 1_000_000_000_000_000;
/// Decimals that an amount may have.
const SCALE: u32 = 9;

/// An ISO 4217 code, such as USD.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// An amount in a currency; at most nine decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    amount: Decimal,
    currency: Currency,
}

/// Why something is no money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// No code of the list.
    #[error("currency must be an ISO 4217 code such as USD")]
    Currency,
    /// More than nine decimals.
    #[error("an amount of money has at most 9 decimals")]
    TooFine,
    /// Beyond 10^15.
    #[error("an amount of money is at most 1000000000000000")]
    TooMuch,
    /// Added up over currencies.
    #[error("{0} and {1} cannot be added")]
    Mixed(Currency, Currency),
}

impl Currency {
    /// What a price is in that names no currency.
    pub const USD: Self = Self(*b"USD");

    /// The code.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let code = text.as_bytes().try_into().map_err(|_not_three_letters| MoneyError::Currency)?;
        iso_currency::Currency::from_code(text).ok_or(MoneyError::Currency)?;
        Ok(Self(code))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Money {
    /// An amount in a currency.
    ///
    /// # Errors
    /// When it has more than nine decimals or is beyond 10^15.
    pub fn new(amount: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let amount = amount.normalize();
        if amount.scale() > SCALE {
            return Err(MoneyError::TooFine);
        }
        if amount.abs() > MOST.into() {
            return Err(MoneyError::TooMuch);
        }
        Ok(Self { amount, currency })
    }

    /// The amount, without trailing zeros.
    pub fn amount(self) -> Decimal {
        self.amount
    }

    /// The currency.
    pub fn currency(self) -> Currency {
        self.currency
    }

    /// What so much energy costs when `self` is the price of one kWh. Exact: 0.08 x 30 kWh is 2.4.
    ///
    /// # Errors
    /// When the result cannot be held.
    pub fn times(self, energy: Energy) -> Result<Self, MoneyError> {
        let amount = self.amount.checked_mul(energy.kwh()).ok_or(MoneyError::TooMuch)?;
        Self::new(amount, self.currency)
    }

    /// The sum.
    ///
    /// # Errors
    /// When the currencies differ or the result cannot be held.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Mixed(self.currency, other.currency));
        }
        let amount = self.amount.checked_add(other.amount).ok_or(MoneyError::TooMuch)?;
        Self::new(amount, self.currency)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Money {
        Money::new(text.parse().unwrap(), "USD".parse().unwrap()).unwrap()
    }

    #[test]
    fn thirty_kwh_at_eight_cents_cost_exactly_2_4() {
        let total = usd("0.08").times(Energy::from_wh(30_000).unwrap()).unwrap();
        assert_eq!(total.amount().to_string(), "2.4");
    }

    #[test]
    fn amounts_of_different_currencies_do_not_add() {
        let inr = Money::new(Decimal::ONE, "INR".parse().unwrap()).unwrap();
        assert!(matches!(usd("1").plus(inr), Err(MoneyError::Mixed(..))));
    }

    #[test]
    fn a_currency_is_one_of_iso_4217() {
        for good in ["USD", "EUR", "INR", "JPY", "KWD", "CHF"] {
            assert_eq!(good.parse::<Currency>().unwrap().to_string(), good);
        }
        for bad in ["usd", "US", "USDT", "U$D", "", "AAA", "ZZZ", "BTC", "\u{20ac}"] {
            assert_eq!(bad.parse::<Currency>(), Err(MoneyError::Currency), "{bad}");
        }
    }
}
