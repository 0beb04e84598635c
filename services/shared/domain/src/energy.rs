//! Energy in whole watt-hours.

use std::fmt;

use rust_decimal::Decimal;

/// Most that one quantity may be: 10^9 kWh.
const MOST_WH: i64 = 1_000_000_000_000;
const WH_PER_KWH: i64 = 1_000;

/// A quantity of energy: watt-hours, 0 to 10^12 (a million MWh).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Energy(i64);

/// Why a number is no quantity of energy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnergyError {
    /// Below zero.
    #[error("energy must not be negative")]
    Negative,
    /// Above 10^9 kWh.
    #[error("energy must be at most 1000000000 kWh")]
    TooMuch,
    /// Finer than a watt-hour.
    #[error("energy must be a whole number of watt-hours")]
    TooFine,
}

impl Energy {
    /// None.
    pub const ZERO: Self = Self(0);
    /// Most that one quantity may be.
    pub const MOST: Self = Self(MOST_WH);
    /// One kilowatt-hour.
    pub const KWH: Self = Self(WH_PER_KWH);

    /// From watt-hours.
    ///
    /// # Errors
    /// When negative or above 10^12.
    pub fn from_wh(wh: i64) -> Result<Self, EnergyError> {
        match wh {
            ..0 => Err(EnergyError::Negative),
            0..=MOST_WH => Ok(Self(wh)),
            _ => Err(EnergyError::TooMuch),
        }
    }

    /// From kilowatt-hours, as JSON and the seed's columns have them.
    ///
    /// # Errors
    /// When negative, above 10^9, or with more than three decimals.
    pub fn from_kwh(kwh: Decimal) -> Result<Self, EnergyError> {
        let wh = kwh.checked_mul(WH_PER_KWH.into()).ok_or(EnergyError::TooMuch)?;
        if !wh.fract().is_zero() {
            return Err(EnergyError::TooFine);
        }
        if wh.is_sign_negative() && !wh.is_zero() {
            return Err(EnergyError::Negative);
        }
        i64::try_from(wh).map_err(|_too_big| EnergyError::TooMuch).and_then(Self::from_wh)
    }

    /// Watt-hours.
    pub fn wh(self) -> i64 {
        self.0
    }

    /// Kilowatt-hours without trailing zeros.
    pub fn kwh(self) -> Decimal {
        Decimal::new(self.0, 3).normalize()
    }

    /// Nothing at all.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether it is a positive whole number of blocks.
    pub fn is_lot_of(self, block: Self) -> bool {
        self.0 > 0 && block.0 > 0 && self.0 % block.0 == 0
    }

    /// The sum; none when it is out of range.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Self::from_wh(self.0.checked_add(other.0)?).ok()
    }

    /// The difference; none when it is below zero.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        Self::from_wh(self.0.checked_sub(other.0)?).ok()
    }
}

impl fmt::Display for Energy {
    /// Kilowatt-hours, without the unit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kwh().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kwh(text: &str) -> Result<Energy, EnergyError> {
        Energy::from_kwh(text.parse().unwrap())
    }

    #[test]
    fn kilowatt_hours_become_whole_watt_hours() {
        assert_eq!(kwh("30").unwrap().wh(), 30_000);
        assert_eq!(kwh("1.5").unwrap().wh(), 1_500);
        assert_eq!(kwh("30.000").unwrap().to_string(), "30");
        assert_eq!(kwh("-0"), Ok(Energy::ZERO));
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        assert_eq!(kwh("-5"), Err(EnergyError::Negative));
        assert_eq!(kwh("0.0001"), Err(EnergyError::TooFine));
        assert_eq!(kwh("1000000001"), Err(EnergyError::TooMuch));
        assert_eq!(kwh("79228162514264337593543950335"), Err(EnergyError::TooMuch));
    }

    #[test]
    fn a_lot_is_a_positive_number_of_blocks() {
        assert!(kwh("2").unwrap().is_lot_of(Energy::KWH));
        assert!(!kwh("1.5").unwrap().is_lot_of(Energy::KWH));
        assert!(!Energy::ZERO.is_lot_of(Energy::KWH));
    }
}
