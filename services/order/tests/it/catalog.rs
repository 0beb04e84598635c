//! A catalog of one offer, "offer" of item "item" of provider "p": 50 kWh at 0.08 USD, and its reservations.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use p2p_proto::{
    catalog::{catalog_service_server::CatalogService, *},
    common::{Money, TimeWindow},
};
use prost_types::Timestamp;
use tonic::{Code, Request, Response, Status};

/// What happens to the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// They are answered.
    Well,
    /// None is.
    Away,
    /// Reserve finds nothing left.
    SoldOut,
    /// Reserve and sell fail for ever; what they moved stays as it was.
    Broken,
    /// Sell sells, and fails for ever to say so.
    SellsUnseen,
    /// Reserve, sell and release fail for ever.
    AllBroken,
}

fn broken() -> Status {
    p2p_proto::status(Code::Internal, "IMPOSSIBLE_ROW", "the catalog failed", None)
}

#[derive(Clone)]
pub struct FakeCatalog {
    pub mood: Arc<Mutex<Mood>>,
    pub reservations: Arc<Mutex<HashMap<String, ReservationStatus>>>,
}

impl FakeCatalog {
    pub fn new() -> Self {
        Self { mood: Arc::new(Mutex::new(Mood::Well)), reservations: Arc::default() }
    }

    pub fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn mood(&self) -> Mood {
        *self.mood.lock().unwrap()
    }

    /// How many orders have asked for stock.
    pub fn reserved(&self) -> usize {
        self.reservations.lock().unwrap().len()
    }

    pub fn is(&self, order: &str, status: ReservationStatus) -> bool {
        self.reservations.lock().unwrap().get(order) == Some(&status)
    }

    pub fn move_to(&self, order: &str, status: ReservationStatus) -> Reservation {
        self.reservations.lock().unwrap().insert(order.to_owned(), status);
        Reservation {
            order_id: order.to_owned(),
            status: status.into(),
            reason: "sold out".into(),
            lines: vec![],
        }
    }
}

#[tonic::async_trait]
impl CatalogService for FakeCatalog {
    async fn get_offers(&self, _: Request<GetOffersRequest>) -> Result<Response<GetOffersResponse>, Status> {
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        let offer = Offer {
            id: "offer".into(),
            item_id: "item".into(),
            provider_id: "p".into(),
            price_per_kwh: Some(Money { currency_code: "USD".into(), units: 0, nanos: 80_000_000 }),
            block_wh: 1_000,
            total_wh: 50_000,
            available_wh: 50_000,
            sellable_wh: 50_000,
            window: Some(TimeWindow { start: at(4_000_000_000), end: at(4_000_010_000) }),
            ..Default::default()
        };
        let item = Item { id: "item".into(), available_wh: 50_000, ..Default::default() };
        let provider = Provider { id: "p".into(), name: "P".into(), ..Default::default() };
        Ok(Response::new(GetOffersResponse {
            offers: vec![offer],
            items: vec![item],
            providers: vec![provider],
        }))
    }

    async fn reserve_blocks(
        &self,
        request: Request<ReserveBlocksRequest>,
    ) -> Result<Response<ReserveBlocksResponse>, Status> {
        let order = request.into_inner().order_id;
        if self.is(&order, ReservationStatus::Released) {
            let reservation = self.move_to(&order, ReservationStatus::Released);
            return Ok(Response::new(ReserveBlocksResponse { reservation: Some(reservation) }));
        }
        let reservation = match self.mood() {
            Mood::Well => self.move_to(&order, ReservationStatus::Held),
            Mood::SoldOut => self.move_to(&order, ReservationStatus::Refused),
            Mood::Away => return Err(Status::unavailable("away")),
            Mood::Broken | Mood::SellsUnseen | Mood::AllBroken => return Err(broken()),
        };
        Ok(Response::new(ReserveBlocksResponse { reservation: Some(reservation) }))
    }

    async fn sell_blocks(
        &self,
        request: Request<SellBlocksRequest>,
    ) -> Result<Response<SellBlocksResponse>, Status> {
        let order = request.into_inner().order_id;
        match self.mood() {
            Mood::Away => return Err(Status::unavailable("away")),
            Mood::Broken | Mood::AllBroken => return Err(broken()),
            Mood::Well | Mood::SoldOut | Mood::SellsUnseen => {}
        }
        let reservation = self.move_to(&order, ReservationStatus::Sold);
        if self.mood() == Mood::SellsUnseen {
            return Err(broken());
        }
        Ok(Response::new(SellBlocksResponse { reservation: Some(reservation) }))
    }

    async fn upsert_provider(
        &self,
        _: Request<UpsertProviderRequest>,
    ) -> Result<Response<UpsertProviderResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn upsert_item(
        &self,
        _: Request<UpsertItemRequest>,
    ) -> Result<Response<UpsertItemResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn upsert_offer(
        &self,
        _: Request<UpsertOfferRequest>,
    ) -> Result<Response<UpsertOfferResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn search_catalog(
        &self,
        _: Request<SearchCatalogRequest>,
    ) -> Result<Response<SearchCatalogResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn release_blocks(
        &self,
        request: Request<ReleaseBlocksRequest>,
    ) -> Result<Response<ReleaseBlocksResponse>, Status> {
        let order = request.into_inner().order_id;
        let reservation = match self.mood() {
            Mood::Away => return Err(Status::unavailable("away")),
            Mood::AllBroken => return Err(broken()),
            _ if self.is(&order, ReservationStatus::Sold) => self.move_to(&order, ReservationStatus::Sold),
            _ => self.move_to(&order, ReservationStatus::Released),
        };
        Ok(Response::new(ReleaseBlocksResponse { reservation: Some(reservation) }))
    }

    async fn return_blocks(
        &self,
        request: Request<ReturnBlocksRequest>,
    ) -> Result<Response<ReturnBlocksResponse>, Status> {
        if self.mood() == Mood::Away {
            return Err(Status::unavailable("away"));
        }
        let reservation = self.move_to(&request.into_inner().order_id, ReservationStatus::Returned);
        Ok(Response::new(ReturnBlocksResponse { reservation: Some(reservation) }))
    }

    async fn get_block_stats(
        &self,
        _: Request<GetBlockStatsRequest>,
    ) -> Result<Response<GetBlockStatsResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn list_order_blocks(
        &self,
        _: Request<ListOrderBlocksRequest>,
    ) -> Result<Response<ListOrderBlocksResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn list_providers(
        &self,
        _: Request<p2p_proto::catalog::ListProvidersRequest>,
    ) -> Result<Response<p2p_proto::catalog::ListProvidersResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn list_items(
        &self,
        _: Request<p2p_proto::catalog::ListItemsRequest>,
    ) -> Result<Response<p2p_proto::catalog::ListItemsResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn list_offers(
        &self,
        _: Request<p2p_proto::catalog::ListOffersRequest>,
    ) -> Result<Response<p2p_proto::catalog::ListOffersResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn set_item_quantity(
        &self,
        _: Request<p2p_proto::catalog::SetItemQuantityRequest>,
    ) -> Result<Response<p2p_proto::catalog::SetItemQuantityResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn withdraw_offer(
        &self,
        _: Request<p2p_proto::catalog::WithdrawOfferRequest>,
    ) -> Result<Response<p2p_proto::catalog::WithdrawOfferResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn sync_blocks(
        &self,
        _: Request<p2p_proto::catalog::SyncBlocksRequest>,
    ) -> Result<Response<p2p_proto::catalog::SyncBlocksResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn get_reservations(
        &self,
        _: Request<p2p_proto::catalog::GetReservationsRequest>,
    ) -> Result<Response<p2p_proto::catalog::GetReservationsResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn list_reservations(
        &self,
        _: Request<p2p_proto::catalog::ListReservationsRequest>,
    ) -> Result<Response<p2p_proto::catalog::ListReservationsResponse>, Status> {
        Ok(Response::new(p2p_proto::catalog::ListReservationsResponse::default()))
    }

    async fn check_stock(
        &self,
        _: Request<p2p_proto::catalog::CheckStockRequest>,
    ) -> Result<Response<p2p_proto::catalog::CheckStockResponse>, Status> {
        Ok(Response::new(p2p_proto::catalog::CheckStockResponse::default()))
    }
}
