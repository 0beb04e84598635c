//! What the service does, one use case a file. Reading and recording need no file: the store does them.

mod begin;
mod catalog;
mod check;
mod matching;
mod quote;
mod settle;
mod sweep;

pub use begin::Begin;
pub use check::{Checked, Violation};

use std::{sync::Arc, time::Duration};

use p2p_proto::{
    catalog::catalog_service_client::CatalogServiceClient,
    matching::matching_service_client::MatchingServiceClient,
};
use p2p_runtime::grpc::DeadlineChannel;

use crate::{
    config::{Config, Periods},
    store::Store,
};

/// The use cases with what they need.
#[derive(Clone)]
pub struct App {
    /// The service's rows.
    pub store: Store,
    catalog: CatalogServiceClient<DeadlineChannel>,
    matching: MatchingServiceClient<DeadlineChannel>,
    /// The catalog, for questions that take long.
    auditor: CatalogServiceClient<DeadlineChannel>,
    /// Named in answers to Join.
    pub lease: Duration,
    /// What has not changed for so long is at rest, unless something is wrong.
    pub quiet: Duration,
    hold: Duration,
    clock: Arc<p2p_domain::Clock>,
}

impl App {
    /// Over a store and the services that are asked.
    pub fn new(
        store: Store,
        catalog: CatalogServiceClient<DeadlineChannel>,
        auditor: CatalogServiceClient<DeadlineChannel>,
        matching: MatchingServiceClient<DeadlineChannel>,
        config: &Config,
    ) -> Self {
        let clock = Arc::new(p2p_domain::Clock::system());
        let Periods { lease, hold, .. } = config.periods;
        let quiet = lease * 2 + config.sweep_interval;
        Self { store, catalog, matching, auditor, lease, quiet, hold, clock }
    }
}
