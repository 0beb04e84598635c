//! The CatalogService: decode, call one use case, encode.

mod decode;
mod encode;

use p2p_proto::catalog::{
    CheckStockRequest, CheckStockResponse, GetBlockStatsRequest, GetBlockStatsResponse, GetOffersRequest,
    GetOffersResponse, GetReservationsRequest, GetReservationsResponse, ListItemsRequest, ListItemsResponse,
    ListOffersRequest, ListOffersResponse, ListOrderBlocksRequest, ListOrderBlocksResponse,
    ListProvidersRequest, ListProvidersResponse, ListReservationsRequest, ListReservationsResponse,
    ReleaseBlocksRequest, ReleaseBlocksResponse, ReserveBlocksRequest, ReserveBlocksResponse,
    ReturnBlocksRequest, ReturnBlocksResponse, SearchCatalogRequest, SearchCatalogResponse,
    SellBlocksRequest, SellBlocksResponse, SetItemQuantityRequest, SetItemQuantityResponse,
    SyncBlocksRequest, SyncBlocksResponse, UpsertItemRequest, UpsertItemResponse, UpsertOfferRequest,
    UpsertOfferResponse, UpsertProviderRequest, UpsertProviderResponse, WithdrawOfferRequest,
    WithdrawOfferResponse, catalog_service_server::CatalogService,
};
use p2p_runtime::failpoint;
use tonic::{Request, Response, Status};

use crate::{
    app::{
        check_stock::check_stock, get_offers::get_offers, get_reservations::get_reservations,
        list_items::list_items, list_offers::list_offers, list_order_blocks::list_order_blocks,
        list_providers::list_providers, list_reservations::list_reservations, release_blocks::release_blocks,
        reserve_blocks::reserve_blocks, return_blocks::return_blocks, search_catalog::search_catalog,
        sell_blocks::sell_blocks, set_item_quantity::set_item_quantity, sync_blocks::sync_blocks,
        upsert_item::upsert_item, upsert_offer::upsert_offer, upsert_provider::upsert_provider,
        withdraw_offer::withdraw_offer,
    },
    store::Store,
};

/// The service over its tables.
pub(crate) struct Catalog {
    store: Store,
}

impl Catalog {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }
}

#[tonic::async_trait]
impl CatalogService for Catalog {
    async fn upsert_provider(
        &self,
        request: Request<UpsertProviderRequest>,
    ) -> Result<Response<UpsertProviderResponse>, Status> {
        let request = request.into_inner();
        let existing = decode::existing(request.must_be_new);
        let provider = decode::provider(request)?;
        let provider = upsert_provider(&self.store, provider, existing).await?;
        Ok(Response::new(UpsertProviderResponse { provider: Some(encode::provider(&provider)) }))
    }

    async fn upsert_item(
        &self,
        request: Request<UpsertItemRequest>,
    ) -> Result<Response<UpsertItemResponse>, Status> {
        let request = request.into_inner();
        let existing = decode::existing(request.must_be_new);
        let item = decode::item(request)?;
        let item = upsert_item(&self.store, item, existing).await?;
        Ok(Response::new(UpsertItemResponse { item: Some(encode::item(&item)) }))
    }

    async fn upsert_offer(
        &self,
        request: Request<UpsertOfferRequest>,
    ) -> Result<Response<UpsertOfferResponse>, Status> {
        let request = request.into_inner();
        let existing = decode::existing(request.must_be_new);
        let offer = decode::offer(request)?;
        let listing = upsert_offer(&self.store, offer, existing).await?;
        Ok(Response::new(UpsertOfferResponse { offer: Some(encode::offer(&listing)) }))
    }

    async fn get_offers(
        &self,
        request: Request<GetOffersRequest>,
    ) -> Result<Response<GetOffersResponse>, Status> {
        let ids = decode::ids(&request.into_inner().offer_ids)?;
        let listings = get_offers(&self.store, ids).await?;
        Ok(Response::new(encode::offers(&listings)))
    }

    async fn search_catalog(
        &self,
        request: Request<SearchCatalogRequest>,
    ) -> Result<Response<SearchCatalogResponse>, Status> {
        let search = decode::search(request.into_inner())?;
        let page = search_catalog(&self.store, &search).await?;
        Ok(Response::new(encode::page(&page)))
    }

    async fn reserve_blocks(
        &self,
        request: Request<ReserveBlocksRequest>,
    ) -> Result<Response<ReserveBlocksResponse>, Status> {
        let wish = decode::wish(request.into_inner())?;
        failpoint!("catalog.reserve.asked");
        let reservation = reserve_blocks(&self.store, wish).await?;
        failpoint!("catalog.reserve.committed");
        Ok(Response::new(ReserveBlocksResponse { reservation: Some(encode::reservation(reservation)) }))
    }

    async fn sell_blocks(
        &self,
        request: Request<SellBlocksRequest>,
    ) -> Result<Response<SellBlocksResponse>, Status> {
        let order = decode::order(&request.into_inner().order_id)?;
        failpoint!("catalog.sell.asked");
        let reservation = sell_blocks(&self.store, order).await?;
        failpoint!("catalog.sell.committed");
        Ok(Response::new(SellBlocksResponse { reservation: Some(encode::reservation(reservation)) }))
    }

    async fn release_blocks(
        &self,
        request: Request<ReleaseBlocksRequest>,
    ) -> Result<Response<ReleaseBlocksResponse>, Status> {
        let ReleaseBlocksRequest { order_id, reason } = request.into_inner();
        let (order, reason) = (decode::order(&order_id)?, decode::reason(&reason)?);
        failpoint!("catalog.release.asked");
        let reservation = release_blocks(&self.store, order, reason).await?;
        failpoint!("catalog.release.committed");
        Ok(Response::new(ReleaseBlocksResponse { reservation: Some(encode::reservation(reservation)) }))
    }

    async fn return_blocks(
        &self,
        request: Request<ReturnBlocksRequest>,
    ) -> Result<Response<ReturnBlocksResponse>, Status> {
        let order = decode::order(&request.into_inner().order_id)?;
        failpoint!("catalog.return.asked");
        let reservation = return_blocks(&self.store, order).await?;
        failpoint!("catalog.return.committed");
        Ok(Response::new(ReturnBlocksResponse { reservation: Some(encode::reservation(reservation)) }))
    }

    async fn get_block_stats(
        &self,
        request: Request<GetBlockStatsRequest>,
    ) -> Result<Response<GetBlockStatsResponse>, Status> {
        let ids = decode::ids(&request.into_inner().offer_ids)?;
        let listings = get_offers(&self.store, ids).await?;
        let stats = listings.iter().map(|listing| encode::stats(&listing.offer)).collect();
        Ok(Response::new(GetBlockStatsResponse { stats }))
    }

    async fn list_order_blocks(
        &self,
        request: Request<ListOrderBlocksRequest>,
    ) -> Result<Response<ListOrderBlocksResponse>, Status> {
        let order = decode::order(&request.into_inner().order_id)?;
        let runs = list_order_blocks(&self.store, order).await?;
        Ok(Response::new(ListOrderBlocksResponse { runs: runs.into_iter().map(encode::run).collect() }))
    }

    async fn list_providers(
        &self,
        request: Request<ListProvidersRequest>,
    ) -> Result<Response<ListProvidersResponse>, Status> {
        let request = request.into_inner();
        let (after, size) = decode::page(&request.cursor, request.page_size)?;
        let page = list_providers(&self.store, decode::some_ids(&request.ids)?, after, size).await?;
        let next_cursor = encode::next_cursor(&page);
        let providers = page.rows.iter().map(encode::provider).collect();
        Ok(Response::new(ListProvidersResponse { providers, next_cursor }))
    }

    async fn list_items(
        &self,
        request: Request<ListItemsRequest>,
    ) -> Result<Response<ListItemsResponse>, Status> {
        let request = request.into_inner();
        let (after, size) = decode::page(&request.cursor, request.page_size)?;
        let (ids, of) = (decode::some_ids(&request.ids)?, decode::some_provider(&request.provider_id)?);
        let page = list_items(&self.store, ids, of, after, size).await?;
        let next_cursor = encode::next_cursor(&page);
        let items = page.rows.iter().map(encode::item).collect();
        Ok(Response::new(ListItemsResponse { items, next_cursor }))
    }

    async fn list_offers(
        &self,
        request: Request<ListOffersRequest>,
    ) -> Result<Response<ListOffersResponse>, Status> {
        let request = request.into_inner();
        let (after, size) = decode::page(&request.cursor, request.page_size)?;
        let of = decode::some_provider(&request.provider_id)?;
        let page = list_offers(&self.store, of, after, size).await?;
        let next_cursor = encode::next_cursor(&page);
        let offers = page.rows.iter().map(encode::offer).collect();
        Ok(Response::new(ListOffersResponse { offers, next_cursor }))
    }

    async fn set_item_quantity(
        &self,
        request: Request<SetItemQuantityRequest>,
    ) -> Result<Response<SetItemQuantityResponse>, Status> {
        let SetItemQuantityRequest { item_id, unsold_wh, origin, provider_id } = request.into_inner();
        let (item, unsold) = (decode::id(&item_id)?, decode::energy(unsold_wh, "unsold_wh")?);
        let (owner, caller) = (decode::owner(&provider_id)?, decode::origin(origin, "origin")?);
        let item = set_item_quantity(&self.store, item, owner, unsold, caller).await?;
        Ok(Response::new(SetItemQuantityResponse { item: Some(encode::item(&item)) }))
    }

    async fn withdraw_offer(
        &self,
        request: Request<WithdrawOfferRequest>,
    ) -> Result<Response<WithdrawOfferResponse>, Status> {
        let WithdrawOfferRequest { offer_id, origin, provider_id } = request.into_inner();
        let (offer, caller) = (decode::id(&offer_id)?, decode::origin(origin, "origin")?);
        let listing = withdraw_offer(&self.store, offer, decode::owner(&provider_id)?, caller).await?;
        Ok(Response::new(WithdrawOfferResponse { offer: Some(encode::offer(&listing)) }))
    }

    async fn sync_blocks(
        &self,
        request: Request<SyncBlocksRequest>,
    ) -> Result<Response<SyncBlocksResponse>, Status> {
        let SyncBlocksRequest { offer_id, blocks, status } = request.into_inner();
        let (offer, (blocks, word)) = (decode::id(&offer_id)?, decode::blocks(blocks, status)?);
        let listing = sync_blocks(&self.store, offer, blocks, word).await?;
        Ok(Response::new(SyncBlocksResponse { stats: Some(encode::stats(&listing.offer)) }))
    }

    async fn get_reservations(
        &self,
        request: Request<GetReservationsRequest>,
    ) -> Result<Response<GetReservationsResponse>, Status> {
        let orders = decode::ids(&request.into_inner().order_ids)?;
        let reservations = get_reservations(&self.store, orders).await?;
        let reservations = reservations.into_iter().map(encode::reservation).collect();
        Ok(Response::new(GetReservationsResponse { reservations }))
    }

    async fn list_reservations(
        &self,
        request: Request<ListReservationsRequest>,
    ) -> Result<Response<ListReservationsResponse>, Status> {
        let sought = decode::sought(request.into_inner())?;
        let page = list_reservations(&self.store, &sought).await?;
        let reservations = page.reservations.into_iter().map(encode::reservation).collect();
        let next_cursor = page.next.map(|order| order.to_string()).unwrap_or_default();
        Ok(Response::new(ListReservationsResponse { reservations, next_cursor }))
    }

    async fn check_stock(
        &self,
        _: Request<CheckStockRequest>,
    ) -> Result<Response<CheckStockResponse>, Status> {
        let violations = check_stock(&self.store).await?;
        let violations = violations.into_iter().map(encode::violation).collect();
        Ok(Response::new(CheckStockResponse { violations }))
    }
}
