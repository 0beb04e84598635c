//! JSON numbers without floats.

use std::fmt;

use p2p_domain::Energy;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use serde_json::value::RawValue;

/// A decimal number, written and read digit by digit: 0.08, 2.4, 30.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(pub Decimal);

impl From<Energy> for Number {
    /// Kilowatt-hours.
    fn from(energy: Energy) -> Self {
        Self(energy.kwh())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.normalize().fmt(f)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        parse(raw.get()).map(Self).ok_or_else(|| D::Error::custom("expected a number within reach"))
    }
}

/// A JSON number; none for anything else, or one that no decimal holds.
fn parse(text: &str) -> Option<Decimal> {
    if !text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return None;
    }
    let digits = text.split(['e', 'E']).next().unwrap_or(text);
    // What a decimal cannot hold is not rounded away.
    let exact = Decimal::from_str_exact(digits).ok()?;
    if digits.len() == text.len() { Some(exact) } else { Decimal::from_scientific(text).ok() }
}

/// A quantity to be bought, as a JSON value: a positive whole number of kWh.
///
/// # Errors
/// A sentence that says what was expected.
pub fn quantity(value: Option<&RawValue>) -> Result<Energy, String> {
    let Some(value) = value.filter(|value| value.get() != "null") else {
        return Err("quantity is required: a positive whole number of kWh".into());
    };
    let kwh = parse(value.get()).filter(|kwh| kwh.fract().is_zero() && *kwh > Decimal::ZERO);
    let energy = kwh.and_then(|kwh| Energy::from_kwh(kwh).ok());
    energy.ok_or_else(|| "quantity must be a positive whole number of kWh, at most 1000000000".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Energy, String> {
        quantity(Some(serde_json::from_str::<&RawValue>(text).unwrap()))
    }

    #[test]
    fn numbers_keep_their_digits() {
        let json =
            serde_json::to_string(&[Number("2.40".parse().unwrap()), Number(Decimal::from(50))]).unwrap();
        assert_eq!(json, "[2.4,50]");
        let read: Vec<Number> = serde_json::from_str("[0.08, 1e2, -5]").unwrap();
        assert_eq!(read.iter().map(ToString::to_string).collect::<Vec<_>>(), ["0.08", "100", "-5"]);
    }

    #[test]
    fn a_quantity_is_a_positive_whole_number_of_kwh() {
        for (text, kwh) in [("30", 30), ("30.0", 30), ("3e1", 30), ("1000000000", 1_000_000_000)] {
            assert_eq!(of(text).unwrap().wh(), kwh * 1000, "{text}");
        }
        let huge = format!("1{}", "0".repeat(400));
        let fine = format!("5.{}1", "0".repeat(40));
        for text in [
            "0",
            "-5",
            "1.5",
            "\"30\"",
            "null",
            "1e400",
            &huge,
            "1000000001",
            "true",
            "[]",
            "{}",
            "-0",
            &fine,
            &format!("{fine}e0"),
        ] {
            assert!(of(text).is_err(), "{text}");
        }
        assert!(quantity(None).is_err());
    }
}
