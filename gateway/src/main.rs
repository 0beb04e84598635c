//! The gateway: buyer's side, seller's side and catalog discovery over HTTP.

use std::process::ExitCode;

use anyhow::Context;
use p2p_gateway::{Config, Listeners, serve};
use p2p_runtime::{Env, Health, http::listen};

#[global_allocator]
static ALLOCATOR: p2p_runtime::Allocator = p2p_runtime::Allocator;

fn main() -> ExitCode {
    let health = |env: &Env| Ok(Health::Http(Config::from_env(env)?.prosumer));
    p2p_runtime::run_server("gateway", health, |env, stop| async move {
        let config = Config::from_env(&env)?;
        let prosumer = listen(config.prosumer).context("cannot listen on BAP_PORT")?;
        let cds = listen(config.cds).context("cannot listen on CDS_PORT")?;
        tracing::info!(prosumer = %config.prosumer, cds = %config.cds, "gateway listens");
        serve(config, Listeners { prosumer, cds }, stop).await
    })
}
