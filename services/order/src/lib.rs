//! The order service (schema `orders`): it owns orders and their quotes, and the mailbox that makes an accepted
//! Beckn action done once and its callback arrive. It keeps the keys of sellers and clients too.

mod app;
mod config;
mod domain;
mod error;
mod grpc;
mod metrics;
#[cfg(any(test, feature = "model"))]
pub mod model;
mod store;

pub use config::Config;

use p2p_proto::{
    catalog::catalog_service_client::CatalogServiceClient,
    matching::matching_service_client::MatchingServiceClient,
    order::{
        key_service_server::{self, KeyServiceServer},
        mailbox_service_server::{self, MailboxServiceServer},
        order_service_server::{self, OrderServiceServer},
    },
};
use p2p_runtime::{
    Stop, Tasks,
    grpc::{self as transport, MOST_ANSWER, MOST_REQUEST, Service, Targets},
    postgres,
    trace::{self, FutureExt},
};
use tokio::net::TcpListener;
use tonic::service::Routes;

use crate::{app::App, store::Store};

/// Serves until `stop`, then lets what is under way end.
///
/// # Errors
/// When the configuration cannot be used or the transport fails.
pub async fn serve(config: Config, listener: TcpListener, stop: Stop) -> anyhow::Result<()> {
    let db = postgres::connect(&config.database).await?;
    let open = |service, targets: &Targets, deadline| {
        transport::channel(&config.between, service, targets.clone(), deadline)
    };
    let catalog = CatalogServiceClient::new(open(Service::Catalog, &config.catalog, config.call_deadline)?);
    // What was published of a hundred lines comes with them.
    let catalog = catalog.max_decoding_message_size(MOST_ANSWER);
    let matching =
        MatchingServiceClient::new(open(Service::Matching, &config.matching, config.call_deadline)?);
    let (tasks, served) = (Tasks::new(), Stop::new());
    let writer = postgres::connect_writer(&config.database).await?;
    let store = Store::start(db.clone(), writer, (config.periods, config.quotas), &tasks, served.clone());
    let auditor = CatalogServiceClient::new(open(Service::Catalog, &config.catalog, config.check_deadline)?);
    let app = App::new(store, catalog, auditor, matching, &config);
    let sweep = app.clone().sweep_until_stopped(config.sweep_interval, stop.clone());
    tasks.spawn(sweep.with_context(trace::untraced()));
    let reconcile = app.clone().reconcile_until_stopped(config.reconcile_interval, stop.clone());
    tasks.spawn(reconcile.with_context(trace::untraced()));
    if p2p_runtime::metrics::is_on() {
        let measure = app.store.clone().measure_until_stopped(stop.clone());
        tasks.spawn(measure.with_context(trace::untraced()));
    }
    let orders = OrderServiceServer::new(app.clone());
    let orders = orders.max_decoding_message_size(MOST_REQUEST).max_encoding_message_size(MOST_ANSWER);
    let keys = KeyServiceServer::new(app.clone());
    let mailbox = MailboxServiceServer::new(app);
    let mailbox = mailbox.max_decoding_message_size(MOST_REQUEST).max_encoding_message_size(MOST_ANSWER);
    let routes = Routes::new(orders).add_service(mailbox).add_service(keys);
    transport::serve(
        routes,
        &[
            order_service_server::SERVICE_NAME,
            mailbox_service_server::SERVICE_NAME,
            key_service_server::SERVICE_NAME,
        ],
        &config.between,
        db,
        listener,
        stop,
    )
    .await?;
    served.cancel();
    tasks.drained().await;
    Ok(())
}
