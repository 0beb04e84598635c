//! Shared messages to domain values and back.

use chrono::{DateTime, Utc};
use p2p_domain::{Currency, EnergyError, IdError, Money, MoneyError, TimeWindow, TrustError, WindowError};
use prost_types::Timestamp;
use rust_decimal::Decimal;

use crate::{common, matching};

const NANOS_SCALE: u32 = 9;

/// Why a message cannot be what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMessage {
    /// A field that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// An instant that no calendar has.
    #[error("a timestamp is out of range")]
    Timestamp,
    /// Units and nanos of different sign, or nanos beyond a unit.
    #[error("units and nanos of money must have the same sign, and nanos at most 999999999")]
    Nanos,
    /// No value of an Authorization header.
    #[error("an authorization must be at most 2,048 bytes of printable ASCII")]
    Authorization,
    /// No money.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// No window.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// No trust.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// No identifier.
    #[error(transparent)]
    Id(#[from] IdError),
    /// No energy.
    #[error(transparent)]
    Energy(#[from] EnergyError),
}

impl From<InvalidMessage> for tonic::Status {
    fn from(invalid: InvalidMessage) -> Self {
        crate::status(tonic::Code::InvalidArgument, "INVALID_MESSAGE", invalid.to_string(), None)
    }
}

/// The field, which must be there.
///
/// # Errors
/// Names the field when it is not.
pub fn required<T>(field: Option<T>, name: &'static str) -> Result<T, InvalidMessage> {
    field.ok_or(InvalidMessage::Missing(name))
}

/// An instant as protobuf has it.
pub fn timestamp(at: DateTime<Utc>) -> Timestamp {
    let nanos = at.timestamp_subsec_nanos().try_into().unwrap_or_default();
    Timestamp { seconds: at.timestamp(), nanos }
}

/// An instant as chrono has it.
///
/// # Errors
/// When no calendar has it.
pub fn utc(at: Timestamp) -> Result<DateTime<Utc>, InvalidMessage> {
    u32::try_from(at.nanos)
        .ok()
        .and_then(|nanos| DateTime::from_timestamp(at.seconds, nanos))
        .ok_or(InvalidMessage::Timestamp)
}

impl From<Money> for common::Money {
    fn from(money: Money) -> Self {
        // A domain amount is at most 10^15 with at most nine decimals: both parts fit.
        let amount = money.amount();
        let units = i64::try_from(amount.trunc()).unwrap_or_default();
        let mut fraction = amount.fract();
        fraction.rescale(NANOS_SCALE);
        let nanos = i32::try_from(fraction.mantissa()).unwrap_or_default();
        Self { currency_code: money.currency().to_string(), units, nanos }
    }
}

impl TryFrom<common::Money> for Money {
    type Error = InvalidMessage;

    fn try_from(money: common::Money) -> Result<Self, InvalidMessage> {
        let common::Money { currency_code, units, nanos } = money;
        let same_sign = units.signum() * i64::from(nanos.signum()) >= 0;
        if !same_sign || nanos.unsigned_abs() > 999_999_999 {
            return Err(InvalidMessage::Nanos);
        }
        let amount = Decimal::from(units) + Decimal::new(nanos.into(), NANOS_SCALE);
        Ok(Money::new(amount, currency_code.parse::<Currency>()?)?)
    }
}

impl From<TimeWindow> for common::TimeWindow {
    fn from(window: TimeWindow) -> Self {
        Self { start: Some(timestamp(window.start())), end: Some(timestamp(window.end())) }
    }
}

impl TryFrom<common::TimeWindow> for TimeWindow {
    type Error = InvalidMessage;

    fn try_from(window: common::TimeWindow) -> Result<Self, InvalidMessage> {
        let start = utc(required(window.start, "window.start")?)?;
        let end = utc(required(window.end, "window.end")?)?;
        Ok(Self::new(start, end)?)
    }
}

impl matching::Trust {
    /// The trust in a provider, as a message.
    pub fn of(provider_id: impl Into<String>, trust: p2p_domain::Trust) -> Self {
        Self {
            provider_id: provider_id.into(),
            score: trust.score(),
            total_orders: trust.total_orders().into(),
            successful_orders: trust.successful_orders().into(),
        }
    }

    /// The trust alone.
    ///
    /// # Errors
    /// When the numbers are no trust.
    pub fn trust(&self) -> Result<p2p_domain::Trust, InvalidMessage> {
        Ok(p2p_domain::Trust::new(self.score, self.total_orders, self.successful_orders)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_survives_the_wire() {
        for text in ["2.4", "0", "-0.08", "-3.5", "0.000000001", "999999999999999.999999999"] {
            let money = Money::new(text.parse().unwrap(), "USD".parse().unwrap()).unwrap();
            assert_eq!(Money::try_from(common::Money::from(money)), Ok(money), "{text}");
        }
    }

    #[test]
    fn money_of_two_signs_is_refused() {
        let money = common::Money { currency_code: "USD".into(), units: 1, nanos: -1 };
        assert_eq!(Money::try_from(money), Err(InvalidMessage::Nanos));
    }
}
