//! The numbers for people.
#![allow(clippy::float_arithmetic, reason = "microseconds are shown as milliseconds")]

use std::fmt::Write as _;

use crate::{
    options,
    report::{self, Measurement, Rates},
    spread::Spread,
};

/// What is measured, and how.
pub fn heading(options: &options::Trade) -> String {
    format!(
        "whole trades at {}: {} s each after {} s of warm-up, looking every {} ms; status ends with its ACK and a look",
        options.url,
        options.lasts.as_secs(),
        options.warmup.as_secs(),
        options.poll.as_millis()
    )
}

/// One measurement.
pub fn of(measured: &Measurement) -> String {
    let mut text = format!(
        "\n== {} at once: {:.1} trades/s ({} trades, load before {})\n{:>10} {:>9} {:>9} {:>9}  ms\n",
        measured.concurrency,
        measured.trades_per_second,
        measured.trades,
        measured.load_before,
        "",
        "p50",
        "p95",
        "p99"
    );
    let steps = measured.steps.iter().map(|(name, spread)| (*name, spread));
    for (name, spread) in [("trade", &measured.trade)].into_iter().chain(steps) {
        let Spread { p50_us, p95_us, p99_us, max_us: _ } = *spread;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:>10} {:>9.2} {:>9.2} {:>9.2}", ms(p50_us), ms(p95_us), ms(p99_us));
    }
    let mut line = |name: &str, total: Option<f64>, parts: &Rates| {
        if total.is_none() && parts.is_empty() {
            return;
        }
        let total = total.unwrap_or_else(|| parts.values().sum());
        let _ = writeln!(text, "{name:>18} {total:>8.2}  {}", list(parts));
    };
    line("CPU ms/trade", Some(measured.cpu_ms_total), &measured.cpu_ms);
    line("HTTP requests", Some(measured.http_requests), &Rates::new());
    line("transactions", measured.commits, &Rates::new());
    line("COMMITs", None, &measured.committed);
    line("SQL statements", None, &measured.statements);
    line("Redis commands", measured.redis_total, &measured.redis);
    if let Some(floor) = measured.floor_per_second {
        let _ = writeln!(text, "{:>18} {floor:>8.1}  trades/s of PostgreSQL alone", "floor");
    }
    for (kind, count) in &measured.failures {
        let _ = writeln!(text, "{:>18} {count:>8}  {kind}", "FAILED");
    }
    text
}

/// Medians over the rounds.
pub fn medians(concurrency: &[usize], measured: &[Measurement]) -> String {
    let mut text = String::from(
        "== medians over the rounds\nat once   trades/s (least, most)      p50 ms   CPU ms   floor/s    share\n",
    );
    for &at in concurrency {
        let median =
            |of: fn(&Measurement) -> Option<f64>| report::median(at, measured, of).unwrap_or_default();
        let rates = measured.iter().filter(|m| m.concurrency == at).map(|m| m.trades_per_second);
        let (least, most) = rates.fold((f64::MAX, 0.0_f64), |(a, b), n| (a.min(n), b.max(n)));
        let (rate, floor) = (median(|m| Some(m.trades_per_second)), median(|m| m.floor_per_second));
        let _ = writeln!(
            text,
            "{at:>7} {rate:>10.1} ({least:>6.1}, {most:>6.1}) {:>10.2} {:>8.2} {floor:>9.1} {:>8.3}",
            median(|m| Some(ms(m.trade.p50_us))),
            median(|m| Some(m.cpu_ms_total)),
            if floor > 0.0 { rate / floor } else { 0.0 }
        );
    }
    text
}

/// Milliseconds.
#[allow(clippy::cast_precision_loss, reason = "microseconds of a request are far below 2^52")]
pub fn ms(us: u64) -> f64 {
    us as f64 / 1_000.0
}

/// The largest first; what is next to nothing is left out.
fn list(rates: &Rates) -> String {
    let mut rates: Vec<_> = rates.iter().filter(|(_, rate)| **rate >= 0.005).collect();
    rates.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    rates.iter().map(|(name, rate)| format!("{name} {rate:.2}")).collect::<Vec<_>>().join(", ")
}
