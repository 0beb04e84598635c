//! Trust in a provider.

/// How far a provider is relied on: a score from 0 to 1 over the orders whose outcome counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trust {
    score: f64,
    total_orders: u32,
    successful_orders: u32,
}

/// Why numbers are no trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// Not a number from 0 to 1.
    #[error("a trust score is a number from 0 to 1")]
    Score,
    /// More successes than orders, or below zero.
    #[error("successful orders are at most the total, and both at least 0")]
    Orders,
}

impl Trust {
    /// What a provider starts with: 0.5 over no orders.
    pub const UNKNOWN: Self = Self { score: 0.5, total_orders: 0, successful_orders: 0 };

    /// A score over orders.
    ///
    /// # Errors
    /// When the score is outside 0 to 1 or there are more successes than orders.
    pub fn new(score: f64, total_orders: i64, successful_orders: i64) -> Result<Self, TrustError> {
        if !(0.0..=1.0).contains(&score) {
            return Err(TrustError::Score);
        }
        let count = |n: i64| u32::try_from(n).map_err(|_out_of_range| TrustError::Orders);
        let (total_orders, successful_orders) = (count(total_orders)?, count(successful_orders)?);
        if successful_orders > total_orders {
            return Err(TrustError::Orders);
        }
        Ok(Self { score, total_orders, successful_orders })
    }

    /// 0 to 1.
    pub fn score(self) -> f64 {
        self.score
    }

    /// Orders whose outcome counted.
    pub fn total_orders(self) -> u32 {
        self.total_orders
    }

    /// Those that succeeded.
    pub fn successful_orders(self) -> u32 {
        self.successful_orders
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_between_zero_and_one() {
        assert!(Trust::new(0.85, 20, 17).is_ok());
        for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Trust::new(bad, 0, 0), Err(TrustError::Score));
        }
        assert_eq!(Trust::new(0.5, 3, 4), Err(TrustError::Orders));
    }
}
