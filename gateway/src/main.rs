//! The gateway: buyer's side, seller's side and catalog discovery over HTTP.

use std::process::ExitCode;

use anyhow::Context;
use p2p_gateway::{Config, Listeners, serve};
use tokio::net::TcpListener;

fn main() -> ExitCode {
    p2p_runtime::run("gateway", |env, stop| async move {
        let config = Config::from_env(&env)?;
        let prosumer = TcpListener::bind(config.prosumer).await.context("cannot listen on BAP_PORT")?;
        let cds = TcpListener::bind(config.cds).await.context("cannot listen on CDS_PORT")?;
        tracing::info!(prosumer = %config.prosumer, cds = %config.cds, "gateway listens");
        serve(config, Listeners { prosumer, cds }, stop).await
    })
}
