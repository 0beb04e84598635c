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

    /// With so much moved; none when there is less to move.
    pub fn moved(self, to: Move, quantity: Energy) -> Option<Self> {
        let mut moved = self;
        let (from, to) = match to {
            Move::Reserve => (&mut moved.available, &mut moved.reserved),
            Move::Sell => (&mut moved.reserved, &mut moved.sold),
            Move::Release => (&mut moved.reserved, &mut moved.available),
            Move::Return => (&mut moved.sold, &mut moved.available),
        };
        *from = from.checked_sub(quantity)?;
        *to = to.checked_add(quantity)?;
        Some(moved)
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
    fn stock_moves_from_part_to_part_and_never_below_zero() {
        let free = Counters::all_free(kwh(5));
        let held = free.moved(Move::Reserve, kwh(3)).unwrap();
        assert_eq!(held, Counters { available: kwh(2), reserved: kwh(3), sold: kwh(0) });
        assert_eq!(held.moved(Move::Release, kwh(3)), Some(free));
        let sold = held.moved(Move::Sell, kwh(2)).unwrap();
        assert_eq!(sold, Counters { available: kwh(2), reserved: kwh(1), sold: kwh(2) });
        assert_eq!(sold.moved(Move::Return, kwh(2)), free.moved(Move::Reserve, kwh(1)));
        for (to, most) in [(Move::Reserve, 2), (Move::Sell, 1), (Move::Release, 1), (Move::Return, 2)] {
            assert_eq!(sold.moved(to, kwh(most + 1)), None, "{to:?}");
        }
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
