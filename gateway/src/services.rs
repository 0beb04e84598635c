//! Clients of the three services, each call with its deadline.

use std::{fmt::Display, time::Duration};

use p2p_proto::{
    catalog::catalog_service_client::CatalogServiceClient,
    matching::matching_service_client::MatchingServiceClient,
    order::{
        key_service_client::KeyServiceClient, mailbox_service_client::MailboxServiceClient,
        order_service_client::OrderServiceClient,
    },
};
use p2p_runtime::grpc::{DeadlineChannel, MOST_ANSWER, Service, Targets, channel};

use tonic::{Code, Status};

use crate::config::Config;

const DEADLINE: Duration = Duration::from_secs(5);

/// A fault that no repetition mends.
pub fn broken(why: impl Display) -> Status {
    p2p_proto::status(Code::Internal, "INTERNAL", why.to_string(), None)
}

/// The services behind the gateway.
#[derive(Clone)]
pub struct Services {
    /// Providers, items, offers, stock.
    pub catalog: CatalogServiceClient<DeadlineChannel>,
    /// Trust and ranking.
    pub matching: MatchingServiceClient<DeadlineChannel>,
    /// Orders and quotes.
    pub orders: OrderServiceClient<DeadlineChannel>,
    /// Keys.
    pub keys: KeyServiceClient<DeadlineChannel>,
    /// Messages.
    pub mailbox: MailboxServiceClient<DeadlineChannel>,
    /// The channels by name, to ask for health.
    pub channels: [(&'static str, DeadlineChannel); 3],
}

impl Services {
    /// Clients that connect when they are first used.
    ///
    /// # Errors
    /// When an address is none, or the certificates cannot be used.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let open = |service, targets: &Targets| channel(&config.between, service, targets.clone(), DEADLINE);
        let (catalog, matching, order) = (
            open(Service::Catalog, &config.catalog)?,
            open(Service::Matching, &config.matching)?,
            open(Service::Order, &config.order)?,
        );
        Ok(Self {
            catalog: CatalogServiceClient::new(catalog.clone()).max_decoding_message_size(MOST_ANSWER),
            matching: MatchingServiceClient::new(matching.clone()),
            orders: OrderServiceClient::new(order.clone()),
            keys: KeyServiceClient::new(order.clone()),
            mailbox: MailboxServiceClient::new(order.clone()).max_decoding_message_size(MOST_ANSWER),
            channels: [("catalog", catalog), ("matching", matching), ("order", order)],
        })
    }
}
