//! The gateway: one program that plays buyer's side (BAP), seller's side (BPP) and catalog discovery (CDS) over
//! HTTP, and turns Beckn actions and callbacks into gRPC calls.

mod access;
mod app;
mod bap;
mod beckn;
mod bpp;
mod cds;
mod config;
mod edge;
mod exchange;
mod fields;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod health;
mod metrics;
mod named;
mod observe;
mod operator;
mod peers;
mod redis;
mod registry;
mod reply;
mod router;
mod seller;
mod services;
pub mod signature;
mod signed;
mod transaction;

pub use access::Who;
pub use config::{Config, Identity};
pub use edge::Edge;
pub use peers::PeerConfig;
pub use redis::Redis;
pub use router::{Declared, Port, declared as routes};

use std::convert::Infallible;

use p2p_runtime::{
    Stop, Tasks,
    http::{self, Door, Patience},
    unless_stalled,
};
use tokio::net::TcpListener;

use crate::app::App;

/// Where the gateway is reached.
#[derive(Debug)]
pub struct Listeners {
    /// Buyer's and seller's side.
    pub prosumer: TcpListener,
    /// Catalog discovery.
    pub cds: TcpListener,
}

/// Serves until `stop`, then lets what is under way end, and gives up what is not yet due.
///
/// # Errors
/// When the configuration cannot be used or a listener fails.
pub async fn serve(config: Config, listeners: Listeners, stop: Stop) -> anyhow::Result<()> {
    let tasks = Tasks::new();
    let door = Door::new(config.connections);
    let app = App::new(config, &tasks, &stop)?;
    let (prosumer, cds) = (router::prosumer(app.clone()), router::cds(app.clone()));
    app.peers.serve_own(prosumer.clone(), cds.clone());
    app.exchange.start();
    app.publisher.start(&tasks, &stop);
    if p2p_runtime::metrics::is_on() {
        tasks.spawn(metrics::watch(app.clone(), stop.clone()));
    }
    let at = |listener, app| http::serve(listener, app, door.clone(), Patience::default(), stop.clone());
    let (prosumer, cds) = (at(listeners.prosumer, prosumer), at(listeners.cds, cds));
    let http = async { Ok::<_, Infallible>(tokio::join!(prosumer, cds)) };
    unless_stalled(&stop, http).await?;
    tasks.drained().await;
    app.exchange.leave().await;
    Ok(())
}
