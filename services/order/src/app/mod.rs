//! What the service does, one use case a file. Reading and recording need no file: the store does them.

mod begin;
mod catalog;
mod quote;

pub use begin::{Begin, Outcome};

use std::{sync::Arc, time::Duration};

use p2p_proto::catalog::catalog_service_client::CatalogServiceClient;
use p2p_runtime::grpc::DeadlineChannel;

use crate::{config::Config, store::Store};

/// The use cases with what they need.
#[derive(Clone)]
pub struct App {
    /// The service's rows.
    pub store: Store,
    catalog: CatalogServiceClient<DeadlineChannel>,
    /// Named in answers to Join.
    pub lease: Duration,
    clock: Arc<p2p_domain::Clock>,
}

impl App {
    /// Over a store and a catalog.
    pub fn new(store: Store, catalog: CatalogServiceClient<DeadlineChannel>, config: &Config) -> Self {
        let clock = Arc::new(p2p_domain::Clock::system());
        Self { lease: config.periods.lease, store, catalog, clock }
    }
}
