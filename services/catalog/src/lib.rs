//! The catalog: providers, energy items, trade offers and the stock behind them.

pub mod app;
mod config;
pub mod domain;
mod error;
mod grpc;
mod metrics;
#[cfg(any(test, feature = "model"))]
pub mod model;
pub mod store;

pub use config::{Config, Picking, Quotas};
pub use error::{Error, Kind};

use p2p_proto::catalog::catalog_service_server::{CatalogServiceServer, SERVICE_NAME};
use p2p_runtime::{
    Stop, Tasks,
    grpc::{MOST_ANSWER, MOST_REQUEST},
};
use tokio::net::TcpListener;
use tonic::service::Routes;

/// Serves the catalog on the listener until `stop`, then lets calls under way end.
///
/// # Errors
/// When the database's URL is none or the transport fails.
pub async fn serve(config: Config, listener: TcpListener, stop: Stop) -> anyhow::Result<()> {
    let (tasks, served) = (Tasks::new(), Stop::new());
    let store = store::Store::start(&config, &tasks, served.clone()).await?;
    let pool = store.pool();
    tasks.spawn(app::mark_past::mark_past(store.clone(), served.clone()));
    let catalog = CatalogServiceServer::new(grpc::Catalog::new(store));
    let catalog = catalog.max_decoding_message_size(MOST_REQUEST).max_encoding_message_size(MOST_ANSWER);
    p2p_runtime::grpc::serve(Routes::new(catalog), &[SERVICE_NAME], &config.between, pool, listener, stop)
        .await?;
    served.cancel();
    tasks.drained().await;
    Ok(())
}
