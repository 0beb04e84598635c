//! Measures a running system from outside. It stops by itself and calls nothing beyond this machine.
//!
//! ```text
//! bench trade     whole trades in a closed loop, against any server with the seed's /api
//! bench floor     the least durable writes of one trade, by pgbench on the same PostgreSQL
//! bench compare   the cost of whole trades in two running systems, in turn
//! bench load      fills the running system's database with trades that are over
//! bench slow      whole trades beside silent and slow sockets, and without them, in turn
//! bench overload  ten times what can be done, in an open loop: what is shed, and what becomes of the rest
//! bench hot       many buyers of one offer, in a database and a catalog service of its own
//! bench match     the ranking of 100 to 1,000,000 offers, and of 1,000 at a matching service of its own
//! bench edge      the gateway's reading of each Beckn action: time and allocations
//! bench discover  searches among 1,000 to 1,000,000 offers, in a database and a catalog service of its own
//! ```
//!
//! Every option is listed in `options`; `README.md` in this folder says what the numbers mean.

mod buyer;
mod compare;
mod discover;
mod edge;
mod fill;
mod floor;
mod hot;
mod load;
mod local;
mod matching;
mod medians;
mod meters;
mod options;
mod output;
mod overload;
mod plot;
mod receiver;
mod report;
mod run;
mod slow;
mod spread;
mod stand;
mod table;
mod trade;

use std::process::ExitCode;

use anyhow::Context;
use p2p_runtime::Env;

use crate::options::{
    Compare, Discover, Edge, Floor, Hot, Load, Match, Options, Overload, Slow, Trade, USAGE,
};

fn main() -> ExitCode {
    p2p_runtime::use_ring();
    let result = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start tokio")
        .and_then(|runtime| runtime.block_on(measure(std::env::args().skip(1).collect())));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(arguments: Vec<String>) -> anyhow::Result<()> {
    let env = Env::load()?;
    let running = local::running();
    match arguments.split_first() {
        Some((command, rest)) if command == "trade" => {
            run::trade(Trade::of(Options::parse(rest)?, &env, running.as_ref())?).await
        }
        Some((command, rest)) if command == "compare" => {
            compare::compare(Compare::of(Options::parse(rest)?)?).await
        }
        Some((command, rest)) if command == "slow" => {
            slow::slow(Slow::of(Options::parse(rest)?, &env, running.as_ref())?).await
        }
        Some((command, rest)) if command == "overload" => {
            overload::overload(Overload::of(Options::parse(rest)?, &env, running.as_ref())?).await
        }
        Some((command, rest)) if command == "hot" => {
            hot::run(Hot::of(Options::parse(rest)?, &env, running.as_ref())?).await
        }
        Some((command, rest)) if command == "match" => {
            matching::run(Match::of(Options::parse(rest)?, &env, running.as_ref())?).await
        }
        Some((command, rest)) if command == "edge" => {
            edge::run(Edge::of(&Options::parse(rest)?, running.as_ref())?).await
        }
        Some((command, rest)) if command == "load" => {
            load::run(Load::of(Options::parse(rest)?, &env, running.as_ref())?).await
        }
        Some((command, rest)) if command == "floor" => {
            floor::run(Floor::of(&Options::parse(rest)?, &env, running.as_ref())?).await
        }
        Some((command, rest)) if command == "discover" => {
            discover::run(Discover::of(Options::parse(rest)?, &env, running.as_ref())?).await
        }
        _ => anyhow::bail!(USAGE),
    }
}
