//! The numbers of one measurement.
#![allow(clippy::float_arithmetic, reason = "rates and shares are reported, nothing is decided by them")]

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use crate::{
    compare,
    meters::{Counts, Reading},
    run::Made,
    spread::Spread,
    trade::STEPS,
};

/// Something per trade.
pub type Rates = BTreeMap<String, f64>;

/// One concurrency.
#[derive(Debug, Serialize)]
pub struct Measurement {
    /// Buyers at once.
    pub concurrency: usize,
    /// Trades that went through.
    pub trades: usize,
    /// Per second.
    pub trades_per_second: f64,
    /// The machine's load before it began.
    pub load_before: String,
    /// How long a whole trade took.
    pub trade: Spread,
    /// How long each step took.
    pub steps: Vec<(&'static str, Spread)>,
    /// Milliseconds of processor time per trade, by process.
    pub cpu_ms: Rates,
    /// The same, of all but the load driver.
    pub cpu_ms_total: f64,
    /// The buyers' HTTP requests per trade, looks at the state included.
    pub http_requests: f64,
    /// Commits per trade as PostgreSQL counts them: every statement outside a transaction is one too.
    pub commits: Option<f64>,
    /// SQL statements per trade by role, BEGIN and COMMIT included.
    pub statements: Rates,
    /// COMMIT statements per trade by role.
    pub committed: Rates,
    /// Redis commands per trade; each command within a script counts.
    pub redis_total: Option<f64>,
    /// Redis commands per trade, by name.
    pub redis: Rates,
    /// What PostgreSQL alone does of a trade's least durable writes, by as many clients, if that was measured next.
    pub floor_per_second: Option<f64>,
    /// Failures by kind.
    pub failures: BTreeMap<String, u64>,
}

#[allow(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
fn share(count: u64, trades: usize) -> f64 {
    count as f64 / trades.max(1) as f64
}

impl Measurement {
    /// Of what was made and what it cost.
    pub fn of(concurrency: usize, made: Made, used: &Reading, load_before: String) -> Self {
        let trades = made.trades.len();
        let rates = |counts: &Counts| -> Rates {
            counts.iter().map(|(name, count)| (name.clone(), share(*count, trades))).collect()
        };
        let cpu_ms = rates(&used.cpu_ms);
        let step = |step: usize| Spread::of(made.trades.iter().map(|steps| steps[step]).collect());
        Self {
            concurrency,
            trades,
            trades_per_second: per_second(trades, made.lasted),
            load_before,
            trade: Spread::of(made.trades.iter().map(|steps| steps.iter().sum()).collect()),
            steps: STEPS.iter().enumerate().map(|(at, name)| (*name, step(at))).collect(),
            cpu_ms_total: cpu_ms.iter().filter(|(name, _)| !name.starts_with('(')).map(|(_, ms)| ms).sum(),
            cpu_ms,
            http_requests: share(made.requests, trades),
            commits: used.commits.map(|commits| share(commits, trades)),
            statements: rates(&used.statements),
            committed: rates(&used.committed),
            redis_total: used.redis_total.map(|total| share(total, trades)),
            redis: rates(&used.redis),
            floor_per_second: None,
            failures: made.failures.into_iter().map(|(kind, count)| (kind.to_string(), count)).collect(),
        }
    }
}

/// The median over the rounds at this concurrency; none where nothing was measured.
pub fn median(
    concurrency: usize,
    measurements: &[Measurement],
    of: impl Fn(&Measurement) -> Option<f64>,
) -> Option<f64> {
    let rounds: Vec<f64> =
        measurements.iter().filter(|m| m.concurrency == concurrency).filter_map(of).collect();
    (!rounds.is_empty()).then(|| compare::median(&rounds))
}

#[allow(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
fn per_second(trades: usize, lasted: Duration) -> f64 {
    trades as f64 / lasted.as_secs_f64().max(f64::EPSILON)
}
