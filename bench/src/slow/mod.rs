//! `bench slow`: what honest buyers feel of clients who are silent or slow. Rounds with them and without take turns, so
//! that both have the machine's good and bad moments.
#![allow(clippy::float_arithmetic, reason = "shares are reported, nothing is decided by them")]

mod sockets;

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, ensure};
use p2p_domain::Clock;
use serde_json::Value;
use tokio::net::lookup_host;
use url::Url;

use self::sockets::Sockets;
use crate::{
    buyer::Buyer,
    compare::median,
    fill,
    options::Slow,
    run::{load, run},
    spread::Spread,
    table::ms,
    trade,
};

/// The median and the 99th percentile of one round, milliseconds.
type Round = [f64; 2];

/// Measures rounds in turn.
///
/// # Errors
/// When the server is not there, or a trade fails.
pub async fn slow(options: Slow) -> anyhow::Result<()> {
    let today = Clock::system().now().date_naive();
    if let Some(catalog) = options.fill {
        fill::fill(catalog, today).await?;
    }
    let at = address(&options.url).await?;
    let window = Arc::new(trade::window(today));
    let buyer = Arc::new(Buyer::new(options.url.clone(), options.poll, options.key.as_ref())?);
    run(&buyer, &window, options.concurrency, options.warmup).await;
    println!("{:>5}  {:>17}  {:>17}  {:>13}", "", "alone", "beside the slow", "ratio");
    println!("round  {0:>8} {1:>8}  {0:>8} {1:>8}  {0:>6} {1:>6}   closed; load before", "p50", "p99");
    let mut rounds = Vec::new();
    for round in 1..=options.rounds {
        let load_before = load();
        let alone = measure(&options, &buyer, &window).await?;
        let sockets = Sockets::open(at, options.sockets);
        let beside = measure(&options, &buyer, &window).await?;
        let closed = sockets.closed();
        drop(sockets);
        println!("{round:>5}  {}   {closed:>6}; {load_before}", columns(alone, beside));
        rounds.push((alone, beside));
    }
    let medians = |of: fn(&(Round, Round)) -> Round| -> Round {
        [0, 1].map(|at| median(&rounds.iter().map(|round| of(round)[at]).collect::<Vec<_>>()))
    };
    println!(
        "{:>5}  {}   medians",
        "",
        columns(medians(|(alone, _)| *alone), medians(|(_, beside)| *beside))
    );
    Ok(())
}

async fn measure(options: &Slow, buyer: &Arc<Buyer>, window: &Arc<Value>) -> anyhow::Result<Round> {
    let made = run(buyer, window, options.concurrency, options.lasts).await;
    ensure!(made.failures.is_empty(), "some trades failed: {:?}", made.failures);
    ensure!(!made.trades.is_empty(), "no trade went through");
    let spread = Spread::of(made.trades.iter().map(|steps| steps.iter().sum()).collect());
    Ok([ms(spread.p50_us), ms(spread.p99_us)])
}

fn columns(alone: Round, beside: Round) -> String {
    let [p50, p99] = [0, 1].map(|at| beside[at] / alone[at]);
    let [(a50, a99), (b50, b99)] = [alone, beside].map(|[p50, p99]| (p50, p99));
    format!("{a50:>8.2} {a99:>8.2}  {b50:>8.2} {b99:>8.2}  {p50:>6.2} {p99:>6.2}")
}

async fn address(url: &str) -> anyhow::Result<SocketAddr> {
    let url = Url::parse(url).context("--url")?;
    let host = url.host_str().context("--url has no host")?.trim_matches(['[', ']']);
    let port = url.port_or_known_default().context("--url has no port")?;
    lookup_host((host, port)).await?.next().context("--url leads nowhere")
}
