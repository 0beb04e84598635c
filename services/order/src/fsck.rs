//! Checks the invariants of the running system: a line for each violation, and exit code 1 when there are any.
//!
//! `fsck [--quiet SECONDS]`: only what has not changed for so long counts as at rest; twice a lease and a sweep unless
//! said otherwise. The order service is at `ORDER_ADDR` (host:port, or several), and is shown what programs of ours show
//! one another. Nothing is changed.

use std::{env, net::SocketAddr, process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use p2p_proto::order::{CheckInvariantsRequest, order_service_client::OrderServiceClient};
use p2p_runtime::{
    Env,
    grpc::{self, Between, Service, Targets},
};

const PATIENCE: Duration = Duration::from_secs(20 * 60);
const USAGE: &str = "usage: fsck [--quiet SECONDS]";

fn main() -> ExitCode {
    let checked = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start tokio")
        .and_then(|runtime| runtime.block_on(check()));
    match checked {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_violations) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fsck: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn check() -> anyhow::Result<usize> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let quiet = match arguments[..] {
        [] => None,
        ["--quiet", seconds] => Some(seconds.parse::<u32>().context(USAGE)?),
        _ => bail!(USAGE),
    };
    let quiet = quiet.map(|seconds| prost_types::Duration { seconds: seconds.into(), nanos: 0 });
    let env = Env::load()?;
    let order: Targets = env.value("ORDER_ADDR", SocketAddr::from(([127, 0, 0, 1], 50053)).into())?;
    let between = Between::from_env(&env)?;
    let channel = grpc::channel(&between, Service::Order, order.clone(), PATIENCE)?;
    let mut orders = OrderServiceClient::new(channel);
    let answer = orders.check_invariants(CheckInvariantsRequest { quiet }).await;
    let checked = answer.with_context(|| format!("cannot ask the order service at {order}"))?.into_inner();
    for violation in &checked.violations {
        println!("{}: {}", violation.rule, violation.what);
    }
    match checked.violations.len() {
        0 => eprintln!("{} orders checked, no violation", checked.orders),
        violations => eprintln!("{} orders checked, {violations} violations", checked.orders),
    }
    Ok(checked.violations.len())
}
