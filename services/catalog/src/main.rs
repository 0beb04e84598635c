//! The catalog service: read the environment, listen, serve until told to stop.

use std::process::ExitCode;

use anyhow::Context;
use p2p_catalog::Config;
use p2p_runtime::{Env, Health, grpc::Service};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: p2p_runtime::Allocator = p2p_runtime::Allocator;

fn main() -> ExitCode {
    let health = |env: &Env| {
        let config = Config::from_env(env)?;
        Ok(Health::Grpc(Service::Catalog, config.address, config.between))
    };
    p2p_runtime::run_server("catalog", health, |env, stop| async move {
        let config = Config::from_env(&env)?;
        let listener = TcpListener::bind(config.address)
            .await
            .with_context(|| format!("cannot listen on CATALOG_ADDR {}", config.address))?;
        tracing::info!(address = %listener.local_addr()?, "catalog serves gRPC");
        p2p_catalog::serve(config, listener, stop).await
    })
}
