//! What the matching service measures of its rankings.

use std::{sync::LazyLock, time::Duration};

use p2p_runtime::metrics::{Histogram, durations_within, sizes};

/// Upper bounds of numbers of offers.
const OFFERS: [f64; 14] =
    [0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0];

/// Upper bounds of durations, seconds: from a handful of offers to all that one request may bring.
const SECONDS: [f64; 12] =
    [0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1];

static DURATION: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    let help = "Filtering, scoring and sorting the offers of one request, without reading trust.";
    durations_within(&SECONDS, "matching.rank.duration", help)
});
static CANDIDATES: LazyLock<Histogram<u64>> =
    LazyLock::new(|| sizes(&OFFERS, "matching.candidates", "Offers that one request asked to rank."));
static ELIGIBLE: LazyLock<Histogram<u64>> = LazyLock::new(|| {
    sizes(&OFFERS, "matching.eligible", "Offers of one request that passed every hard filter.")
});

/// Offers have been ranked.
pub fn ranked(took: Duration, candidates: usize, eligible: usize) {
    let number = |offers: usize| u64::try_from(offers).unwrap_or(u64::MAX);
    DURATION.record(took.as_secs_f64(), &[]);
    CANDIDATES.record(number(candidates), &[]);
    ELIGIBLE.record(number(eligible), &[]);
}
