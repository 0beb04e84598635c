//! How durations spread.

use std::time::Duration;

use serde::Serialize;

/// Percentiles, in microseconds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// Half are not longer.
    pub p50_us: u64,
    /// 95 of 100 are not longer.
    pub p95_us: u64,
    /// 99 of 100 are not longer.
    pub p99_us: u64,
    /// None is longer.
    pub max_us: u64,
}

impl Spread {
    /// Of durations in any order; zero of none.
    pub fn of(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        // The nearest rank: the smallest duration that so many of a hundred do not exceed.
        let percentile = |percent: usize| {
            let rank = (durations.len() * percent).div_ceil(100);
            let found = durations.get(rank.saturating_sub(1)).copied().unwrap_or_default();
            u64::try_from(found.as_micros()).unwrap_or(u64::MAX)
        };
        Self {
            p50_us: percentile(50),
            p95_us: percentile(95),
            p99_us: percentile(99),
            max_us: percentile(100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_durations_that_were_measured() {
        let spread = Spread::of((1..=200).rev().map(Duration::from_micros).collect());
        assert_eq!(spread, Spread { p50_us: 100, p95_us: 190, p99_us: 198, max_us: 200 });
        assert_eq!(Spread::of(vec![Duration::from_micros(7)]).p99_us, 7);
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }
}
