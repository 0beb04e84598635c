//! The matching service: whom to buy from. It owns trust in providers and ranks offers.

mod app;
mod config;
mod domain;
mod error;
mod grpc;
mod metrics;
mod store;

pub use config::{Config, ConfigError};
pub use domain::{Best, Columns, Placed, Policy, Row, Score, Scores, Share, Wanted, Weights, WeightsError};

use p2p_proto::matching::matching_service_server::SERVICE_NAME;
use p2p_runtime::{Stop, Tasks};
use tokio::net::TcpListener;
use tonic::service::Routes;

use crate::{app::Notebook, grpc::Matching, store::Store};

/// Serves `p2p.matching.v1.MatchingService` on the listener until `stop`.
///
/// # Errors
/// When the database's URL is none or the transport fails. A database that is away is no reason not to start.
pub async fn serve(config: Config, listener: TcpListener, stop: Stop) -> anyhow::Result<()> {
    let db = p2p_runtime::postgres::connect(&config.database).await?;
    tracing::info!(address = %listener.local_addr()?, policy = %config.policy, "matching is listening");
    let (tasks, served) = (Tasks::new(), Stop::new());
    let store = Store::new(db.clone());
    let notebook = Notebook::open(store.clone(), &tasks, served.clone());
    tasks.spawn(app::forget_decisions(store.clone(), config.decisions_kept_for, stop.clone()));
    let routes = Routes::new(Matching::new(store, config.policy, notebook).into_server());
    p2p_runtime::grpc::serve(routes, &[SERVICE_NAME], &config.between, db, listener, stop).await?;
    served.cancel();
    tasks.drained().await;
    Ok(())
}
