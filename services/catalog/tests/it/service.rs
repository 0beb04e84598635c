//! A catalog of one's own, and short ways to ask it.

use p2p_catalog::{Config, Picking, Quotas};
use p2p_domain::Clock;
use p2p_proto::{
    catalog::{
        GetOffersRequest, Item, Offer, Origin, Provider, ReleaseBlocksRequest, Reservation,
        ReserveBlocksRequest, ReturnBlocksRequest, SellBlocksRequest, SetItemQuantityRequest, StockLine,
        UpsertItemRequest, UpsertOfferRequest, UpsertProviderRequest, WithdrawOfferRequest,
        catalog_service_client::CatalogServiceClient,
    },
    common::{Money, TimeWindow},
    timestamp,
};
use p2p_runtime::{
    Stop, Tasks,
    grpc::Between,
    postgres::{self, AllowOff},
};
use prost_types::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use tokio::net::TcpListener;
use tonic::{Status, transport::Channel};
use uuid::Uuid;

/// A running catalog with an empty database.
pub struct Catalog {
    pub client: CatalogServiceClient<Channel>,
    pub channel: Channel,
    pub db: DatabaseConnection,
    pub config: Config,
    stop: Stop,
}

impl Drop for Catalog {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Catalog {
    pub async fn start() -> Self {
        Self::over(p2p_testkit::database().await.unwrap()).await
    }

    pub async fn over(url: String) -> Self {
        Self::within(url, Quotas::default()).await
    }

    /// One whose providers may have so much.
    pub async fn within(url: String, quotas: Quotas) -> Self {
        let database = postgres::Config {
            url: url.into(),
            schema: "catalog",
            connections: 10,
            allow_off: AllowOff::everything(),
        };
        let db = postgres::connect(&database).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Stop::new();
        let between = Between::default();
        let config = Config { address, database, picking: Picking::Locked, between, quotas };
        let served = p2p_catalog::serve(config.clone(), listener, stop.clone());
        Tasks::new().spawn(async move { served.await.unwrap() });
        let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        Self { client: CatalogServiceClient::new(channel.clone()), channel, db, config, stop }
    }

    /// Another catalog on the same database.
    pub async fn beside(&self) -> Self {
        Self::within(self.config.database.url.expose().to_owned(), self.config.quotas).await
    }

    /// A catalog with provider `p` and item `i` of so many kWh.
    pub async fn with_item(kwh: i64) -> Self {
        let catalog = Self::start().await;
        catalog.provider("p").await.unwrap();
        catalog.item(item("i", "p", kwh)).await.unwrap();
        catalog
    }

    pub async fn provider(&self, id: &str) -> Result<Provider, Status> {
        let provider = Some(Provider { id: id.into(), name: format!("Provider {id}"), ..Default::default() });
        let answer = self
            .client
            .clone()
            .upsert_provider(UpsertProviderRequest { provider, must_be_new: false })
            .await?;
        Ok(answer.into_inner().provider.unwrap())
    }

    pub async fn item(&self, item: Item) -> Result<Item, Status> {
        let answer = self
            .client
            .clone()
            .upsert_item(UpsertItemRequest { item: Some(item), must_be_new: false })
            .await?;
        Ok(answer.into_inner().item.unwrap())
    }

    pub async fn offer(&self, offer: Offer) -> Result<Offer, Status> {
        let answer = self
            .client
            .clone()
            .upsert_offer(UpsertOfferRequest { offer: Some(offer), must_be_new: false })
            .await?;
        Ok(answer.into_inner().offer.unwrap())
    }

    pub async fn get(&self, offer: &str) -> Offer {
        let request = GetOffersRequest { offer_ids: vec![offer.into()] };
        self.client.clone().get_offers(request).await.unwrap().into_inner().offers.remove(0)
    }

    pub async fn reserve(&self, order: Uuid, lines: &[(&str, i64)]) -> Result<Reservation, Status> {
        let request = ReserveBlocksRequest {
            order_id: order.to_string(),
            transaction_id: format!("txn-{order}"),
            lines: lines.iter().map(|&(offer, wh)| line(offer, wh)).collect(),
        };
        Ok(self.client.clone().reserve_blocks(request).await?.into_inner().reservation.unwrap())
    }

    pub async fn sell(&self, order: Uuid) -> Result<Reservation, Status> {
        let request = SellBlocksRequest { order_id: order.to_string() };
        Ok(self.client.clone().sell_blocks(request).await?.into_inner().reservation.unwrap())
    }

    pub async fn release(&self, order: Uuid, reason: &str) -> Result<Reservation, Status> {
        let request = ReleaseBlocksRequest { order_id: order.to_string(), reason: reason.into() };
        Ok(self.client.clone().release_blocks(request).await?.into_inner().reservation.unwrap())
    }

    pub async fn give_back(&self, order: Uuid) -> Result<Reservation, Status> {
        let request = ReturnBlocksRequest { order_id: order.to_string() };
        Ok(self.client.clone().return_blocks(request).await?.into_inner().reservation.unwrap())
    }

    pub async fn withdraw(&self, offer: &str) -> Result<Offer, Status> {
        let request = WithdrawOfferRequest {
            offer_id: offer.into(),
            origin: Origin::Seller.into(),
            provider_id: String::new(),
        };
        Ok(self.client.clone().withdraw_offer(request).await?.into_inner().offer.unwrap())
    }

    pub async fn set_unsold(&self, item: &str, wh: i64) -> Result<Item, Status> {
        let request = SetItemQuantityRequest {
            item_id: item.into(),
            unsold_wh: wh,
            origin: Origin::Seller.into(),
            provider_id: String::new(),
        };
        Ok(self.client.clone().set_item_quantity(request).await?.into_inner().item.unwrap())
    }

    /// Each row of a query as one text.
    pub async fn rows(&self, query: &str) -> Vec<String> {
        rows(&self.db, query).await
    }

    /// The one text column of each row of a query.
    pub async fn texts(&self, query: &str) -> Vec<String> {
        let query = Statement::from_string(DbBackend::Postgres, query);
        let rows = self.db.query_all_raw(query).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    /// The runs of an offer: first block, blocks, status.
    pub async fn runs(&self, offer: &str) -> Vec<String> {
        self.rows(&format!(
            "SELECT first_block, blocks, status FROM block_runs WHERE offer_id = '{offer}' ORDER BY first_block"
        ))
        .await
    }
}

/// Each row of a query as one text.
pub async fn rows(db: &DatabaseConnection, query: &str) -> Vec<String> {
    let query =
        Statement::from_string(DbBackend::Postgres, format!("SELECT r::text AS row FROM ({query}) r"));
    let rows = db.query_all_raw(query).await.unwrap();
    rows.iter().map(|row| row.try_get("", "row").unwrap()).collect()
}

pub fn line(offer: &str, quantity_wh: i64) -> StockLine {
    StockLine { offer_id: offer.into(), quantity_wh }
}

pub fn item(id: &str, provider: &str, kwh: i64) -> Item {
    Item {
        id: id.into(),
        provider_id: provider.into(),
        source_type: "SOLAR".into(),
        delivery_mode: "SCHEDULED".into(),
        meter_id: "MTR-1".into(),
        production_windows: vec![hours(0, 24)],
        total_wh: kwh * 1_000,
        ..Item::default()
    }
}

/// An offer of provider `p` and item `i`, at 0.10 USD, an hour from now for four hours.
pub fn offer(id: &str, kwh: i64) -> Offer {
    Offer {
        id: id.into(),
        item_id: "i".into(),
        provider_id: "p".into(),
        price_per_kwh: usd(100_000_000),
        total_wh: kwh * 1_000,
        window: Some(hours(1, 5)),
        ..Offer::default()
    }
}

pub fn usd(nanos: i32) -> Option<Money> {
    Some(Money { currency_code: "USD".into(), units: 0, nanos })
}

/// From so many hours from now to so many hours from now.
pub fn hours(start: i64, end: i64) -> TimeWindow {
    let now = Clock::system().now();
    let at = |hours| -> Option<Timestamp> { Some(timestamp(now + chrono::TimeDelta::hours(hours))) };
    TimeWindow { start: at(start), end: at(end) }
}

pub fn order() -> Uuid {
    Uuid::new_v4()
}

/// The reason of a refused call.
pub fn reason<T: std::fmt::Debug>(result: Result<T, Status>) -> String {
    p2p_proto::reason(&result.unwrap_err()).unwrap()
}
