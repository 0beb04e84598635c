//! `bench trade`: so many buyers at once, each making one trade after the other.

use std::{collections::BTreeMap, fs, sync::Arc, time::Duration};

use anyhow::ensure;
use p2p_domain::Clock;
use serde_json::Value;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    buyer::{Buyer, Failure},
    fill, floor,
    meters::Meters,
    options,
    plot::{Plot, number},
    report::{self, Measurement},
    table,
    trade::{self, Steps},
};

/// What so many buyers did.
#[derive(Debug, Default)]
pub struct Made {
    /// Trades that went through.
    pub trades: Vec<Steps>,
    /// Trades that did not, by kind.
    pub failures: BTreeMap<Failure, u64>,
    /// From the start of the first trade to the end of the last.
    pub lasted: Duration,
    /// HTTP requests of the buyers.
    pub requests: u64,
}

/// Measures each concurrency in turn, round by round.
///
/// # Errors
/// When nothing can be measured.
pub async fn trade(options: options::Trade) -> anyhow::Result<()> {
    let clock = Clock::system();
    let today = clock.now().date_naive();
    let meters = Meters::connect(&options).await;
    let buyer = Arc::new(Buyer::new(options.url.clone(), options.poll, options.key.as_ref())?);
    let window = Arc::new(trade::window(today));
    let mut measurements = Vec::new();
    println!("{}", table::heading(&options));
    for _ in 0..options.rounds {
        if let Some(catalog) = options.fill {
            fill::fill(catalog, today).await?;
        }
        for &concurrency in &options.concurrency {
            let load_before = load();
            let warm = run(&buyer, &window, concurrency, options.warmup).await;
            let failed = warm.failures.keys().next().filter(|_| warm.trades.is_empty());
            ensure!(
                failed.is_none(),
                "no trade goes through: {}",
                failed.map_or_else(String::new, ToString::to_string)
            );
            let before = meters.before().await?;
            let made = run(&buyer, &window, concurrency, options.lasts).await;
            let used = meters.after().await?.since(&before);
            let mut measurement = Measurement::of(concurrency, made, &used, load_before);
            if let Some(floor) = &options.floor {
                measurement.floor_per_second = Some(floor::trades_per_second(floor, concurrency).await?);
            }
            println!("{}", table::of(&measurement));
            measurements.push(measurement);
        }
    }
    if options.rounds > 1 {
        println!("{}", table::medians(&options.concurrency, &measurements));
    }
    options.output.write(&measurements, &plot(&options.concurrency, &measurements))?;
    ensure!(measurements.iter().any(|m| m.trades > 0), "no trade went through");
    Ok(())
}

/// Medians of trades a second by buyers at once, and of what PostgreSQL alone does.
fn plot(concurrency: &[usize], measurements: &[Measurement]) -> Plot {
    let line = |name: &str, of: fn(&Measurement) -> Option<f64>| {
        let point = |&at: &usize| Some((number(at as u64), report::median(at, measurements, of)?));
        (name.to_owned(), concurrency.iter().filter_map(point).collect::<Vec<_>>())
    };
    let lines = [
        line("whole trades", |m| Some(m.trades_per_second)),
        line("their least durable writes, by pgbench", |m| m.floor_per_second),
    ];
    Plot {
        title: "Whole trades a second".to_owned(),
        x: "buyers at once",
        y: "trades/s",
        lines: lines.into_iter().filter(|(_, points)| !points.is_empty()).collect(),
    }
}

/// The machine's load average over the last minute: who else was working.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// So many buyers for so long; trades under way at the end are finished.
pub async fn run(buyer: &Arc<Buyer>, window: &Arc<Value>, concurrency: usize, lasts: Duration) -> Made {
    let (start, before) = (Instant::now(), buyer.requests());
    let mut buyers = JoinSet::new();
    for _ in 0..concurrency {
        let (buyer, window) = (buyer.clone(), window.clone());
        buyers.spawn(async move { trade_until(&buyer, &window, start + lasts).await });
    }
    let mut made = Made::default();
    while let Some(one) = buyers.join_next().await {
        let (trades, failures) = one.unwrap_or_default();
        made.trades.extend(trades);
        for failure in failures {
            *made.failures.entry(failure).or_default() += 1;
        }
    }
    Made { lasted: start.elapsed(), requests: buyer.requests() - before, ..made }
}

/// One trade after the other.
async fn trade_until(buyer: &Buyer, window: &Value, end: Instant) -> (Vec<Steps>, Vec<Failure>) {
    let (mut trades, mut failures) = (Vec::new(), Vec::new());
    while Instant::now() < end {
        match trade::trade(buyer, window).await {
            Ok(steps) => trades.push(steps),
            Err(failure) => {
                failures.push(failure);
                // What refuses at once shall not be hammered.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    (trades, failures)
}
