//! The ranking as a function over columns: offers are rows, each property is a column of whole numbers.
#![allow(clippy::float_arithmetic, reason = "scores are ratios, neither energy nor money")]

use std::cmp::{Ordering, Reverse};

use super::{
    Policy, Scores,
    score::{Ratios, ratio},
};

/// How many rows wait beyond the best before the worst of them are dropped.
const LEAST_ROOM: usize = 256;

/// Offers, a column for each property. All prices are in one currency and one unit.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    prices: Vec<i64>,
    available: Vec<i64>,
    starts: Vec<i64>,
    ends: Vec<i64>,
    providers: Vec<u32>,
}

/// The rows that pass every hard filter.
struct Eligible {
    rows: Vec<u32>,
    cheapest: i64,
    dearest: i64,
}

/// An offer as a row. Instants further from zero than [`Columns::MOST`] count as that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Price of one kWh, in whole units of some decimal: in millionths any price that the catalog knows fits. Above
    /// [`Columns::MOST`] nobody buys.
    pub price: i64,
    /// Watt-hours that can still be sold.
    pub available: i64,
    /// When delivery starts, in microseconds since 1970.
    pub start: i64,
    /// When it ends.
    pub end: i64,
    /// The provider's place in the list of trust.
    pub provider: u32,
}

/// What is looked for, in the units of the rows. No instant is further from 1970 than [`Columns::MOST`] either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Watt-hours.
    pub quantity: i64,
    /// The most that a kWh may cost.
    pub max_price: i64,
    /// From when on, in microseconds since 1970.
    pub start: i64,
    /// Until when; after the start.
    pub end: i64,
}

/// A row that can serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Which row.
    pub row: usize,
    /// How good it is.
    pub scores: Scores,
    price: i64,
}

/// The rows that can serve.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Best {
    /// How many there are.
    pub eligible: usize,
    /// The best of them, best first.
    pub placed: Vec<Placed>,
}

impl Columns {
    /// The furthest that a price or an instant may be from zero, so that differences are numbers of 64 bits too.
    pub const MOST: i64 = i64::MAX / 2;

    /// None yet, with room for so many.
    pub fn with_capacity(rows: usize) -> Self {
        let column = || Vec::with_capacity(rows);
        Self {
            prices: column(),
            available: column(),
            starts: column(),
            ends: column(),
            providers: Vec::with_capacity(rows),
        }
    }

    /// One more row.
    pub fn push(&mut self, row: Row) {
        let within = |number: i64| number.clamp(-Self::MOST, Self::MOST);
        // What is above it stays there, where no limit reaches.
        self.prices.push(row.price.max(-Self::MOST));
        self.available.push(row.available);
        self.starts.push(within(row.start));
        self.ends.push(within(row.end));
        self.providers.push(row.provider);
    }

    /// The best rows for this, at most so many: by score, then lower price, then higher trust, then as `tie` compares
    /// them. `trust` is by provider, 0 to 1; a provider that is not in it cannot serve. The time it takes is linear in
    /// the rows, whatever their order.
    pub fn best(
        &self,
        policy: &Policy,
        wanted: &Wanted,
        trust: &[f64],
        most: usize,
        tie: impl Fn(usize, usize) -> Ordering,
    ) -> Best {
        let Eligible { rows, cheapest, dearest } = self.eligible(policy, wanted, trust);
        let most = most.min(rows.len());
        if most == 0 {
            return Best { eligible: rows.len(), placed: Vec::new() };
        }
        let by_rank = |a: &Placed, b: &Placed| {
            let key = |p: &Placed| (Reverse(p.scores.total), p.price, Reverse(p.scores.trust));
            key(a).cmp(&key(b)).then_with(|| tie(a.row, b.row))
        };
        let room = (most + most.max(LEAST_ROOM)).min(rows.len());
        let mut placed = Vec::with_capacity(room);
        // Whoever totals less cannot be among the best any more.
        let mut bar = f64::NEG_INFINITY;
        for &row in &rows {
            let at = row as usize;
            let price = self.prices[at];
            let overlap = overlap((self.starts[at], self.ends[at]), wanted);
            let ratios = Ratios {
                price: if dearest == cheapest { 1.0 } else { ratio(dearest - price, dearest - cheapest) },
                trust: trust[self.providers[at] as usize],
                time: ratio(overlap, wanted.end - wanted.start),
            };
            if policy.weights.total(ratios) < bar {
                continue;
            }
            if placed.len() == room {
                placed.select_nth_unstable_by(most - 1, by_rank);
                placed.truncate(most);
                bar = placed[most - 1].scores.total.least();
            }
            placed.push(Placed { row: at, scores: policy.weights.scores(ratios), price });
        }
        placed.sort_unstable_by(by_rank);
        placed.truncate(most);
        Best { eligible: rows.len(), placed }
    }

    fn eligible(&self, policy: &Policy, wanted: &Wanted, trust: &[f64]) -> Eligible {
        let least = policy.min_trust.value();
        let max_price = wanted.max_price.min(Self::MOST);
        let columns =
            self.prices.iter().zip(&self.available).zip(&self.starts).zip(&self.ends).zip(&self.providers);
        let mut rows = vec![0; self.prices.len()];
        let (mut found, mut cheapest, mut dearest) = (0, i64::MAX, i64::MIN);
        for (row, ((((&price, &available), &start), &end), &provider)) in (0..).zip(columns) {
            // Without a branch, since nobody can foresee whether an offer passes.
            let passes = (price <= max_price)
                & (available >= wanted.quantity)
                & (overlap((start, end), wanted) > 0)
                & trust.get(provider as usize).is_some_and(|trust| *trust >= least);
            rows[found] = row;
            found += usize::from(passes);
            cheapest = if passes { cheapest.min(price) } else { cheapest };
            dearest = if passes { dearest.max(price) } else { dearest };
        }
        rows.truncate(found);
        Eligible { rows, cheapest, dearest }
    }
}

/// How long both last at once; not above zero when they do not meet. Neither is further from zero than
/// [`Columns::MOST`].
fn overlap((start, end): (i64, i64), wanted: &Wanted) -> i64 {
    end.min(wanted.end).wrapping_sub(start.max(wanted.start))
}

#[cfg(test)]
mod tests;
