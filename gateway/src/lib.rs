//! The gateway: one program that plays buyer's side (BAP), seller's side (BPP) and catalog discovery (CDS) over
//! HTTP, and turns Beckn actions and callbacks into gRPC calls.

mod app;
mod bap;
mod beckn;
mod bpp;
mod cds;
mod config;
mod exchange;
mod health;
mod peers;
mod reply;
mod router;
mod services;
mod transaction;

pub use config::{Config, Identity};

use std::future::IntoFuture;

use axum::serve::{Listener, ListenerExt};
use p2p_runtime::{Stop, Tasks};
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
    let cds_uri = config.identity.cds_uri.clone();
    let app = App::new(config, &tasks, &stop)?;
    let (prosumer, cds) = (router::prosumer(app.clone()), router::cds(app.clone()));
    app.peers.serve_own(prosumer.clone(), cds.clone(), &cds_uri);
    app.exchange.start();
    let stopped = || stop.clone().cancelled_owned();
    tokio::try_join!(
        axum::serve(at_once(listeners.prosumer), prosumer).with_graceful_shutdown(stopped()).into_future(),
        axum::serve(at_once(listeners.cds), cds).with_graceful_shutdown(stopped()).into_future(),
    )?;
    app.exchange.drain().await;
    tasks.drained().await;
    Ok(())
}

/// Connections whose answers do not wait for the client's acknowledgement of earlier packets.
fn at_once(listener: TcpListener) -> impl Listener<Io: Unpin, Addr = std::net::SocketAddr> {
    listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection answers with delay");
        }
    })
}
