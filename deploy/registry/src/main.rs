//! A Beckn registry for local networks. Who changes its file changes the registry; it changes nothing itself.

mod app;
mod listed;

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context;
use futures::FutureExt;
use p2p_runtime::{
    Env, EnvError, Health,
    http::{Connections, Door, Patience, listen, serve},
    unless_stalled,
};

use crate::listed::Listed;

/// `REGISTRY_ADDR`: ip:port where it listens; 127.0.0.1:4030.
fn address(env: &Env) -> Result<SocketAddr, EnvError> {
    env.value("REGISTRY_ADDR", SocketAddr::from((Ipv4Addr::LOCALHOST, 4030)))
}

/// `REGISTRY_FILE`: JSON with an array of subscribers.
fn file(env: &Env) -> Result<PathBuf, EnvError> {
    let why = || "it must name the file with the subscribers".into();
    let file = env.optional("REGISTRY_FILE").map(PathBuf::from);
    file.ok_or_else(|| EnvError::Unusable { name: "REGISTRY_FILE", why: why() })
}

fn main() -> ExitCode {
    let health = |env: &Env| Ok(Health::Http(address(env)?));
    p2p_runtime::run_server("registry", health, |env, stop| async move {
        let address = address(&env)?;
        let listed = Listed::open(file(&env)?).context("REGISTRY_FILE cannot be used")?;
        let door = Door::new(Connections::from_env(&env, address.ip())?);
        let listener = listen(address).context("cannot listen on REGISTRY_ADDR")?;
        tracing::info!(%address, "registry listens");
        let served = serve(listener, app::routes(listed), door, Patience::default(), stop.clone());
        let Ok(()) = unless_stalled(&stop, served.map(Ok::<(), Infallible>)).await;
        Ok(())
    })
}
