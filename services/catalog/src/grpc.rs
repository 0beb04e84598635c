//! The CatalogService: decode, call one use case, encode.

mod decode;
mod encode;

use p2p_proto::catalog::{
    GetBlockStatsRequest, GetBlockStatsResponse, GetOffersRequest, GetOffersResponse, ListOrderBlocksRequest,
    ListOrderBlocksResponse, ReleaseBlocksRequest, ReleaseBlocksResponse, ReserveBlocksRequest,
    ReserveBlocksResponse, ReturnBlocksRequest, ReturnBlocksResponse, SearchCatalogRequest,
    SearchCatalogResponse, SellBlocksRequest, SellBlocksResponse, UpsertItemRequest, UpsertItemResponse,
    UpsertOfferRequest, UpsertOfferResponse, UpsertProviderRequest, UpsertProviderResponse,
    catalog_service_server::CatalogService,
};
use p2p_runtime::failpoint;
use tonic::{Request, Response, Status};

use crate::{
    app::{
        get_offers::get_offers, list_order_blocks::list_order_blocks, release_blocks::release_blocks,
        reserve_blocks::reserve_blocks, return_blocks::return_blocks, search_catalog::search_catalog,
        sell_blocks::sell_blocks, upsert_item::upsert_item, upsert_offer::upsert_offer,
        upsert_provider::upsert_provider,
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
        let provider = decode::provider(request.into_inner())?;
        let provider = upsert_provider(&self.store, provider).await?;
        Ok(Response::new(UpsertProviderResponse { provider: Some(encode::provider(&provider)) }))
    }

    async fn upsert_item(
        &self,
        request: Request<UpsertItemRequest>,
    ) -> Result<Response<UpsertItemResponse>, Status> {
        let item = decode::item(request.into_inner())?;
        let item = upsert_item(&self.store, item).await?;
        Ok(Response::new(UpsertItemResponse { item: Some(encode::item(&item)) }))
    }

    async fn upsert_offer(
        &self,
        request: Request<UpsertOfferRequest>,
    ) -> Result<Response<UpsertOfferResponse>, Status> {
        let offer = decode::offer(request.into_inner())?;
        let listing = upsert_offer(&self.store, offer).await?;
        Ok(Response::new(UpsertOfferResponse { offer: Some(encode::offer(&listing)) }))
    }

    async fn get_offers(
        &self,
        request: Request<GetOffersRequest>,
    ) -> Result<Response<GetOffersResponse>, Status> {
        let ids = decode::offer_ids(&request.into_inner().offer_ids)?;
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
        let ids = decode::offer_ids(&request.into_inner().offer_ids)?;
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
        _: Request<p2p_proto::catalog::ListProvidersRequest>,
    ) -> Result<Response<p2p_proto::catalog::ListProvidersResponse>, Status> {
        Err(Status::unimplemented("not built yet"))
    }

    async fn list_items(
        &self,
        _: Request<p2p_proto::catalog::ListItemsRequest>,
    ) -> Result<Response<p2p_proto::catalog::ListItemsResponse>, Status> {
        Err(Status::unimplemented("not built yet"))
    }

    async fn list_offers(
        &self,
        _: Request<p2p_proto::catalog::ListOffersRequest>,
    ) -> Result<Response<p2p_proto::catalog::ListOffersResponse>, Status> {
        Err(Status::unimplemented("not built yet"))
    }

    async fn set_item_quantity(
        &self,
        _: Request<p2p_proto::catalog::SetItemQuantityRequest>,
    ) -> Result<Response<p2p_proto::catalog::SetItemQuantityResponse>, Status> {
        Err(Status::unimplemented("not built yet"))
    }

    async fn withdraw_offer(
        &self,
        _: Request<p2p_proto::catalog::WithdrawOfferRequest>,
    ) -> Result<Response<p2p_proto::catalog::WithdrawOfferResponse>, Status> {
        Err(Status::unimplemented("not built yet"))
    }

    async fn sync_blocks(
        &self,
        _: Request<p2p_proto::catalog::SyncBlocksRequest>,
    ) -> Result<Response<p2p_proto::catalog::SyncBlocksResponse>, Status> {
        Err(Status::unimplemented("not built yet"))
    }

    async fn get_reservations(
        &self,
        _: Request<p2p_proto::catalog::GetReservationsRequest>,
    ) -> Result<Response<p2p_proto::catalog::GetReservationsResponse>, Status> {
        Err(Status::unimplemented("not built yet"))
    }

    async fn list_reservations(
        &self,
        _: Request<p2p_proto::catalog::ListReservationsRequest>,
    ) -> Result<Response<p2p_proto::catalog::ListReservationsResponse>, Status> {
        Err(Status::unimplemented("not built yet"))
    }

    async fn check_stock(
        &self,
        _: Request<p2p_proto::catalog::CheckStockRequest>,
    ) -> Result<Response<p2p_proto::catalog::CheckStockResponse>, Status> {
        Err(Status::unimplemented("not built yet"))
    }
}
