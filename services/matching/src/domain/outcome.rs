//! What the end of an order does to the trust in who sold it.
#![allow(clippy::float_arithmetic, reason = "scores are ratios, neither energy nor money")]

use p2p_domain::{Trust, TrustError};

/// A score counts as if it stood on at least so many orders, so that one order neither makes nor ruins a newcomer.
const LEAST_WEIGHT: u32 = 5;

/// How an order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was delivered.
    Success,
    /// The seller gave it up after it was sold.
    Failure,
}

impl Outcome {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
        }
    }

    /// What is stored so.
    pub fn of(stored: &str) -> Option<Self> {
        [Self::Success, Self::Failure].into_iter().find(|outcome| outcome.as_str() == stored)
    }

    fn successes(self) -> u32 {
        match self {
            Self::Success => 1,
            Self::Failure => 0,
        }
    }

    /// The trust once this has counted: (s x n + outcome) / (n + 1) with n = max(total orders, 5), over one order
    /// more. A count that cannot grow stays.
    ///
    /// # Errors
    /// None that a trust can cause: both parts stay in their range.
    pub fn counted_into(self, trust: Trust) -> Result<Trust, TrustError> {
        let weight = f64::from(trust.total_orders().max(LEAST_WEIGHT));
        let score = (trust.score() * weight + f64::from(self.successes())) / (weight + 1.0);
        let total = trust.total_orders().saturating_add(1);
        let successful = trust.successful_orders().saturating_add(self.successes());
        Trust::new(score, total.into(), successful.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn assert_becomes(before: Trust, outcome: Outcome, score: f64, orders: (u32, u32)) {
        let after = outcome.counted_into(before).unwrap();
        assert!((after.score() - score).abs() < 1e-12, "{after:?}");
        assert_eq!((after.total_orders(), after.successful_orders()), orders);
    }

    #[test]
    fn a_score_moves_by_its_weight_in_orders() {
        let alpha = Trust::new(0.85, 20, 17).unwrap();
        // (0.85 x 20 + 1) / 21 = 18 / 21
        assert_becomes(alpha, Outcome::Success, 18.0 / 21.0, (21, 18));
        // (0.85 x 20 + 0) / 21 = 17 / 21
        assert_becomes(alpha, Outcome::Failure, 17.0 / 21.0, (21, 17));
    }

    #[test]
    fn a_newcomer_counts_as_if_over_five_orders() {
        // (0.5 x 5 + 1) / 6 = 3.5 / 6
        assert_becomes(Trust::UNKNOWN, Outcome::Success, 3.5 / 6.0, (1, 1));
        assert_becomes(Trust::UNKNOWN, Outcome::Failure, 2.5 / 6.0, (1, 0));
    }

    #[test]
    fn counts_that_are_full_stay_full() {
        let full = Trust::new(1.0, u32::MAX.into(), u32::MAX.into()).unwrap();
        assert_becomes(full, Outcome::Success, 1.0, (u32::MAX, u32::MAX));
    }

    proptest! {
        #[test]
        fn a_score_stays_between_0_and_1_and_moves_towards_the_outcome(
            score in 0.0..=1.0_f64,
            total in 0..=u32::MAX,
            outcomes in proptest::collection::vec(proptest::bool::ANY, 1..50),
        ) {
            let mut trust = Trust::new(score, total.into(), 0).unwrap();
            for success in outcomes {
                let before = trust.score();
                let outcome = if success { Outcome::Success } else { Outcome::Failure };
                trust = outcome.counted_into(trust).unwrap();
                prop_assert!((0.0..=1.0).contains(&trust.score()));
                let moved = trust.score() - before;
                prop_assert!(if success { moved > -1e-12 } else { moved < 1e-12 }, "{before} {trust:?}");
            }
        }
    }
}
