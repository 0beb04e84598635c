//! `bench compare`: two running systems, in turn, so that both have the machine's good and bad moments. What is told
//! is the processor time of a trade in each.
#![allow(clippy::float_arithmetic, reason = "shares are reported, nothing is decided by them")]

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use p2p_domain::Clock;
use serde_json::Value;

use crate::{
    buyer::Buyer,
    local,
    meters::processes,
    options::Compare,
    run::{load, run},
    trade,
};

/// One of the two.
struct System {
    buyer: Arc<Buyer>,
    pids: Vec<(String, u32)>,
    /// Milliseconds of processor time per trade, a round each.
    cost: Vec<f64>,
}

impl System {
    fn in_folder(folder: &Path, poll: Duration) -> anyhow::Result<Self> {
        let running =
            local::running_in(folder).with_context(|| format!("nothing runs in {}", folder.display()))?;
        let buyer = Arc::new(Buyer::new(running.bap_url.clone(), poll, None)?);
        Ok(Self { buyer, pids: running.processes(), cost: Vec::new() })
    }

    async fn measure(&mut self, options: &Compare, window: &Arc<Value>) -> anyhow::Result<()> {
        run(&self.buyer, window, options.concurrency, options.warmup).await;
        let before = self.cpu_ms();
        let made = run(&self.buyer, window, options.concurrency, options.lasts).await;
        let used = self.cpu_ms() - before;
        ensure!(made.failures.is_empty(), "some trades failed: {:?}", made.failures);
        ensure!(!made.trades.is_empty(), "no trade went through");
        self.cost.push(used / count(made.trades.len()));
        Ok(())
    }

    #[allow(clippy::cast_precision_loss, reason = "milliseconds of a run are far below 2^52")]
    fn cpu_ms(&self) -> f64 {
        processes::cpu(&self.pids).values().sum::<u64>() as f64
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
fn count(trades: usize) -> f64 {
    trades as f64
}

/// The one in the middle; of an even number, between the two.
pub fn median(costs: &[f64]) -> f64 {
    let mut sorted = costs.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = ((sorted.len() - 1) / 2, sorted.len() / 2);
    (sorted[low] + sorted[high]) / 2.0
}

/// Measures both, round by round, and who begins takes turns.
///
/// # Errors
/// When one of them does not run, or a trade fails.
pub async fn compare(options: Compare) -> anyhow::Result<()> {
    let window = Arc::new(trade::window(Clock::system().now().date_naive()));
    let mut here = System::in_folder(Path::new("."), options.poll)?;
    let mut there = System::in_folder(&options.other, options.poll)?;
    println!(
        "{:>5}  {:>10}  {:>10}  {:>6}   CPU ms of a trade; load before",
        "round", "here", "there", "ratio"
    );
    for round in 1..=options.rounds {
        let load_before = load();
        let [first, second] = if round % 2 == 1 { [&mut here, &mut there] } else { [&mut there, &mut here] };
        first.measure(&options, &window).await?;
        second.measure(&options, &window).await?;
        let (ours, theirs) = (here.cost[round - 1], there.cost[round - 1]);
        println!("{round:>5}  {ours:>10.2}  {theirs:>10.2}  {:>6.3}   {load_before}", ours / theirs);
    }
    let (ours, theirs) = (median(&here.cost), median(&there.cost));
    let ratios: Vec<f64> = here.cost.iter().zip(&there.cost).map(|(ours, theirs)| ours / theirs).collect();
    println!("{:>5}  {ours:>10.2}  {theirs:>10.2}  {:>6.3}   medians", "", median(&ratios));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_of_an_even_number_lies_in_the_middle() {
        assert!((median(&[4.0, 1.0, 3.0, 2.0]) - 2.5).abs() < f64::EPSILON);
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
    }
}
