//! The order service: orders, quotes, and the mailbox of Beckn messages.

use std::process::ExitCode;

use anyhow::Context;
use p2p_order::{Config, serve};
use p2p_runtime::{Env, Health, grpc::Service};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: p2p_runtime::Allocator = p2p_runtime::Allocator;

fn main() -> ExitCode {
    let health = |env: &Env| {
        let config = Config::from_env(env)?;
        Ok(Health::Grpc(Service::Order, config.address, config.between))
    };
    p2p_runtime::run_server("order", health, |env, stop| async move {
        let config = Config::from_env(&env)?;
        let listener = TcpListener::bind(config.address).await.context("cannot listen on ORDER_ADDR")?;
        tracing::info!(address = %config.address, catalog = %config.catalog, "order service listens");
        serve(config, listener, stop).await
    })
}
