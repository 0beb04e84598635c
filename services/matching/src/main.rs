//! The matching program.

use std::process::ExitCode;

use anyhow::Context;
use p2p_matching::Config;
use p2p_runtime::{Env, Health, grpc::Service};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: p2p_runtime::Allocator = p2p_runtime::Allocator;

fn main() -> ExitCode {
    let health = |env: &Env| {
        let config = Config::from_env(env)?;
        Ok(Health::Grpc(Service::Matching, config.address, config.between))
    };
    p2p_runtime::run_server("matching", health, |env, stop| async move {
        let config = Config::from_env(&env)?;
        let address = config.address;
        let listener =
            TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        p2p_matching::serve(config, listener, stop).await
    })
}
