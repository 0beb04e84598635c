//! What of an item or an offer is free, held and sold.

use p2p_domain::Energy;

/// Three parts of one total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Neither held nor sold.
    pub available: Energy,
    /// Held for orders.
    pub reserved: Energy,
    /// Sold.
    pub sold: Energy,
}

/// A new total is below what is held or sold already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed(pub Energy);

/// Where stock goes when a reservation moves on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// From available to reserved.
    Reserve,
    /// From reserved to sold.
    Sell,
    /// From reserved back to available.
    Release,
    /// From sold back to available.
    Return,
}

impl Counters {
    /// All of it free.
    pub fn all_free(total: Energy) -> Self {
        Self { available: total, ..Self::default() }
    }

    /// Available, reserved and sold together; none when they exceed what an [`Energy`] can be.
    pub fn total(self) -> Option<Energy> {
        self.committed()?.checked_add(self.available)
    }

    /// Reserved and sold together.
    fn committed(self) -> Option<Energy> {
        self.reserved.checked_add(self.sold)
    }

    /// The same commitments under another total.
    ///
    /// # Errors
    /// When more than the new total is held or sold.
    pub fn with_total(self, total: Energy) -> Result<Self, Committed> {
        let committed = self.committed().unwrap_or(total);
        let available = total.checked_sub(committed).ok_or(Committed(committed))?;
        Ok(Self { available, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kwh(n: i64) -> Energy {
        Energy::from_wh(n * 1_000).unwrap()
    }

    #[test]
    fn a_new_total_leaves_held_and_sold_as_they_are() {
        let counters = Counters { available: kwh(5), reserved: kwh(3), sold: kwh(2) };
        assert_eq!(counters.total(), Some(kwh(10)));
        assert_eq!(counters.with_total(kwh(12)), Ok(Counters { available: kwh(7), ..counters }));
        assert_eq!(counters.with_total(kwh(5)), Ok(Counters { available: kwh(0), ..counters }));
        assert_eq!(counters.with_total(kwh(4)), Err(Committed(kwh(5))));
    }
}
