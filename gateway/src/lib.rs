//! The gateway: one program that plays buyer's side (BAP), seller's side (BPP) and catalog discovery (CDS) over
//! HTTP, and turns Beckn actions and callbacks into gRPC calls.

mod access;
mod app;
mod bap;
mod beckn;
mod bpp;
mod cds;
mod config;
mod exchange;
mod fields;
mod health;
mod metrics;
mod named;
mod observe;
mod operator;
mod peers;
mod reply;
mod router;
mod seller;
mod services;
mod transaction;

pub use access::Who;
pub use config::{Config, Identity};
pub use router::{Declared, Port, declared as routes};

use std::{future::IntoFuture, net::SocketAddr};

use axum::{Router, extract::connect_info::IntoMakeServiceWithConnectInfo, serve::ListenerExt};
use p2p_runtime::{Stop, Tasks, unless_stalled};
use tokio::net::{TcpListener, TcpStream};

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
    let app = App::new(config, &tasks, &stop)?;
    let (prosumer, cds) = (router::prosumer(app.clone()), router::cds(app.clone()));
    app.peers.serve_own(prosumer.clone(), cds.clone());
    app.exchange.start();
    if p2p_runtime::metrics::is_on() {
        tasks.spawn(metrics::watch(app.clone(), stop.clone()));
    }
    let stopped = || stop.clone().cancelled_owned();
    let http = async {
        tokio::try_join!(
            axum::serve(listeners.prosumer.tap_io(without_delay), peers_of(prosumer))
                .with_graceful_shutdown(stopped())
                .into_future(),
            axum::serve(listeners.cds.tap_io(without_delay), peers_of(cds))
                .with_graceful_shutdown(stopped())
                .into_future(),
        )
    };
    unless_stalled(&stop, http).await?;
    tasks.drained().await;
    app.exchange.leave().await;
    Ok(())
}

/// With the address of who sends each request.
fn peers_of(router: Router) -> IntoMakeServiceWithConnectInfo<Router, SocketAddr> {
    router.into_make_service_with_connect_info()
}

/// Small answers leave at once. A socket that cannot be set so is slower, nothing else.
fn without_delay(stream: &mut TcpStream) {
    let _ = stream.set_nodelay(true);
}
