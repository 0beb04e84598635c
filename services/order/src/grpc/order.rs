//! OrderService.

use std::time::Duration;

use p2p_proto::order::{
    CancelOrderRequest, CancelOrderResponse, CheckInvariantsRequest, CheckInvariantsResponse,
    CompleteOrderRequest, CompleteOrderResponse, GetOrderHistoryRequest, GetOrderHistoryResponse,
    GetOrderRequest, GetOrderResponse, ListOrdersRequest, ListOrdersResponse, ListProviderOrdersRequest,
    ListProviderOrdersResponse, QuoteOrderRequest, QuoteOrderResponse, order_service_server::OrderService,
    quote_order_response,
};
use tonic::{Request, Response, Status};

use super::{decode, encode, history};
use crate::app::App;

/// Nothing has been at rest for longer.
const LONGEST_QUIET: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

#[tonic::async_trait]
impl OrderService for App {
    async fn quote_order(
        &self,
        request: Request<QuoteOrderRequest>,
    ) -> Result<Response<QuoteOrderResponse>, Status> {
        let lines = decode::lines(request.into_inner().lines)?;
        let answer = match self.quote(&lines).await? {
            Ok(quote) => quote_order_response::Answer::Quote(encode::quote(quote)),
            Err(refusal) => quote_order_response::Answer::Refusal(encode::refusal(refusal)),
        };
        Ok(Response::new(QuoteOrderResponse { answer: Some(answer) }))
    }

    async fn get_order(
        &self,
        request: Request<GetOrderRequest>,
    ) -> Result<Response<GetOrderResponse>, Status> {
        let request = request.into_inner();
        let scope = decode::scope(&request.bap_id, &request.transaction_id)?;
        let order = match request.order_id.as_str() {
            "" => self.store.newest_order(&scope).await?,
            id => self.store.order(&scope, id).await?,
        };
        Ok(Response::new(GetOrderResponse { order: Some(encode::order(order)) }))
    }

    async fn list_orders(
        &self,
        request: Request<ListOrdersRequest>,
    ) -> Result<Response<ListOrdersResponse>, Status> {
        let request = request.into_inner();
        let scope = decode::scope(&request.bap_id, &request.transaction_id)?;
        let orders = self.store.orders(&scope).await?.into_iter().map(encode::order).collect();
        Ok(Response::new(ListOrdersResponse { orders }))
    }

    async fn list_provider_orders(
        &self,
        request: Request<ListProviderOrdersRequest>,
    ) -> Result<Response<ListProviderOrdersResponse>, Status> {
        let request = request.into_inner();
        let provider = decode::provider(&request.provider_id)?;
        let behind = decode::order_cursor(&request.cursor)?;
        let page =
            self.store.provider_orders(provider.as_ref(), behind, decode::limit(request.page_size)).await?;
        Ok(Response::new(encode::provider_orders(page)))
    }

    async fn complete_order(
        &self,
        request: Request<CompleteOrderRequest>,
    ) -> Result<Response<CompleteOrderResponse>, Status> {
        let request = request.into_inner();
        let seller = decode::provider(&request.provider_id)?;
        let order = self.complete(&request.order_id, seller.as_ref()).await?;
        Ok(Response::new(CompleteOrderResponse { order: Some(encode::order(order)) }))
    }

    async fn cancel_order(
        &self,
        request: Request<CancelOrderRequest>,
    ) -> Result<Response<CancelOrderResponse>, Status> {
        let request = request.into_inner();
        let seller = decode::provider(&request.provider_id)?;
        let order = self.cancel(&request.order_id, seller.as_ref(), decode::text(request.reason)).await?;
        Ok(Response::new(CancelOrderResponse { order: Some(encode::order(order)) }))
    }

    async fn get_order_history(
        &self,
        request: Request<GetOrderHistoryRequest>,
    ) -> Result<Response<GetOrderHistoryResponse>, Status> {
        let history = self.store.history(&request.into_inner().order_id).await?;
        Ok(Response::new(history::history(history)))
    }

    async fn check_invariants(
        &self,
        request: Request<CheckInvariantsRequest>,
    ) -> Result<Response<CheckInvariantsResponse>, Status> {
        let quiet = request.into_inner().quiet.map(|quiet| decode::duration(Some(quiet))).transpose()?;
        let checked = self.check(quiet.map_or(self.quiet, |quiet| quiet.min(LONGEST_QUIET))).await?;
        Ok(Response::new(encode::checked(checked)))
    }
}
