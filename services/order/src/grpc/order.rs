//! OrderService.

use p2p_proto::order::{
    GetOrderRequest, GetOrderResponse, ListOrdersRequest, ListOrdersResponse, QuoteOrderRequest,
    QuoteOrderResponse, order_service_server::OrderService, quote_order_response,
};
use tonic::{Request, Response, Status};

use super::{decode, encode};
use crate::app::App;

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
        let order = self.store.order(&scope, &request.order_id).await?;
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
        _: Request<p2p_proto::order::ListProviderOrdersRequest>,
    ) -> Result<Response<p2p_proto::order::ListProviderOrdersResponse>, Status> {
        Err(Status::unimplemented("not built yet"))
    }

    async fn complete_order(
        &self,
        _: Request<p2p_proto::order::CompleteOrderRequest>,
    ) -> Result<Response<p2p_proto::order::CompleteOrderResponse>, Status> {
        Err(Status::unimplemented("not built yet"))
    }

    async fn cancel_order(
        &self,
        _: Request<p2p_proto::order::CancelOrderRequest>,
    ) -> Result<Response<p2p_proto::order::CancelOrderResponse>, Status> {
        Err(Status::unimplemented("not built yet"))
    }

    async fn check_invariants(
        &self,
        _: Request<p2p_proto::order::CheckInvariantsRequest>,
    ) -> Result<Response<p2p_proto::order::CheckInvariantsResponse>, Status> {
        Err(Status::unimplemented("not built yet"))
    }
}
