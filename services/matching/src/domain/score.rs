//! Scores: the only floats of the service. Ratios are taken of whole numbers, and what leaves is rounded to nine
//! decimals, so that 0.9025 is shown and compared as 0.9025.
#![allow(clippy::float_arithmetic, reason = "scores are ratios, neither energy nor money")]

use std::{fmt, str::FromStr};

use p2p_domain::Trust;

const BILLION: f64 = 1e9;
/// How far from 1 the weights may add up, and twice what rounding may change.
const SLACK: f64 = 1e-9;

/// A number from 0 to 1 that an operator sets.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Share(f64);

/// A number from 0 to 1 in billionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Score(u32);

/// An offer's total and what it is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scores {
    /// The weighted sum of the others.
    pub total: Score,
    /// (max - price) / (max - min) over the eligible offers; 1 when all cost the same.
    pub price: Score,
    /// The provider's trust.
    pub trust: Score,
    /// Overlap with the wanted window, divided by the wanted duration.
    pub time_fit: Score,
}

/// What price, trust and time fit count for; they add up to 1 (the seed's `MATCH_WEIGHT_*`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    price: Share,
    trust: Share,
    time: Share,
}

/// Three weights that do not add up to 1.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("weights must add up to 1, but {price} + {trust} + {time} is {sum}")]
pub struct WeightsError {
    price: Share,
    trust: Share,
    time: Share,
    sum: f64,
}

/// What the scores of an offer are made of, each from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ratios {
    pub price: f64,
    pub trust: f64,
    pub time: f64,
}

/// The part of the whole. Both are exact; the division is the only rounding.
pub(super) fn ratio(part: i64, whole: i64) -> f64 {
    part as f64 / whole as f64
}

impl Share {
    /// The trust that is asked for when nothing else is said.
    pub const MIN_TRUST: Self = Self(0.2);

    /// The number, if it is one from 0 to 1.
    pub fn new(number: f64) -> Option<Self> {
        (0.0..=1.0).contains(&number).then_some(Self(number))
    }

    /// 0 to 1.
    pub fn value(self) -> f64 {
        self.0
    }

    /// Whether the trust is at least this.
    pub fn is_met_by(self, trust: Trust) -> bool {
        trust.score() >= self.0
    }
}

impl FromStr for Share {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().ok().and_then(Self::new).ok_or("must be a number from 0 to 1")
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Score {
    fn of(ratio: f64) -> Self {
        // What is cut off is the half that was added: cheaper than to round.
        Self((ratio.clamp(0.0, 1.0) * BILLION + 0.5) as u32)
    }

    /// Less than any number that is rounded to this.
    pub(super) fn least(self) -> f64 {
        self.value() - SLACK
    }

    /// The number as it was shown, if it is one from 0 to 1.
    pub fn new(shown: f64) -> Option<Self> {
        (0.0..=1.0).contains(&shown).then(|| Self::of(shown))
    }

    /// 0 to 1, with at most nine decimals.
    pub fn value(self) -> f64 {
        f64::from(self.0) / BILLION
    }
}

impl Default for Weights {
    fn default() -> Self {
        Self { price: Share(0.40), trust: Share(0.35), time: Share(0.25) }
    }
}

impl Weights {
    /// Of price, trust and time fit.
    ///
    /// # Errors
    /// When they do not add up to 1.
    pub fn new(price: Share, trust: Share, time: Share) -> Result<Self, WeightsError> {
        let sum = price.0 + trust.0 + time.0;
        if (sum - 1.0).abs() > SLACK {
            let sum = (sum * BILLION).round() / BILLION;
            return Err(WeightsError { price, trust, time, sum });
        }
        Ok(Self { price, trust, time })
    }

    /// Weight of the price.
    pub fn price(self) -> Share {
        self.price
    }

    /// Weight of trust.
    pub fn trust(self) -> Share {
        self.trust
    }

    /// Weight of the time fit.
    pub fn time(self) -> Share {
        self.time
    }

    /// The weighted sum, not yet rounded.
    pub(super) fn total(self, ratios: Ratios) -> f64 {
        self.price.0 * ratios.price + self.trust.0 * ratios.trust + self.time.0 * ratios.time
    }

    /// The scores of an offer from its ratios.
    pub(super) fn scores(self, ratios: Ratios) -> Scores {
        Scores {
            total: Score::of(self.total(ratios)),
            price: Score::of(ratios.price),
            trust: Score::of(ratios.trust),
            time_fit: Score::of(ratios.time),
        }
    }

    /// How a total comes about, as a sum to be read.
    pub fn sum(self, scores: Scores) -> String {
        let Scores { total, price, trust, time_fit } = scores;
        format!(
            "{} x {price} price + {} x {trust} trust + {} x {time_fit} time = {total}",
            self.price, self.trust, self.time
        )
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value().fmt(f)
    }
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} price + {} trust + {} time", self.price, self.trust, self.time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_that_floats_get_wrong_is_shown_right() {
        // 0.40 x 1 + 0.35 x 0.9 + 0.25 x 0.75 is 0.4 + 0.315 + 0.1875 = 0.9025; in f64 it is 0.9025000000000001.
        let scores = Weights::default().scores(Ratios { price: 1.0, trust: 0.9, time: 0.75 });
        assert_eq!(scores.total.value().to_string(), "0.9025");
    }
}
