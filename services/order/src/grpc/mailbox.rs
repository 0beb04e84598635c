//! MailboxService.

use p2p_domain::OrderId;
use p2p_proto::order::{
    BeginCancelRequest, BeginConfirmRequest, BeginInitRequest, BeginResponse, ClaimRequest, ClaimResponse,
    ClearTransactionsRequest, ClearTransactionsResponse, ComposeRequest, ComposeResponse, FinishRequest,
    FinishResponse, GetSentRequestRequest, GetSentRequestResponse, GetTransactionRequest,
    GetTransactionResponse, GiveUpRequest, HasReceivedRequest, HasReceivedResponse, JoinRequest,
    JoinResponse, LeaveRequest, LeaveResponse, ListDeadRequest, ListDeadResponse, ListEventsRequest,
    ListEventsResponse, ListTransactionsRequest, ListTransactionsResponse, MarkRequest, MarkResponse,
    RecordRequest, RecordResponse, RedriveRequest, RedriveResponse, RenewRequest, RenewResponse, SendRequest,
    SendResponse, begin_response, mailbox_service_server::MailboxService,
};
use p2p_runtime::{
    failpoint,
    trace::{self, KeyValue},
};
use tonic::{Request, Response, Status};

use super::{decode, encode};
use crate::{
    app::{App, Begin},
    domain::{InboxKey, Intent, TransactionKey},
    store::{self, EventQuery, Marked},
};

const MOST_CLAIMED: u32 = 1_000;
/// What every Begin answers, and giving up.
async fn begun(
    app: &App,
    begin: store::Begin,
    ack_deadline: Option<prost_types::Duration>,
) -> Result<Response<BeginResponse>, Status> {
    let (at, ack_deadline) = (begin.at, decode::duration(ack_deadline)?);
    let answer = encode::begun(app.begin(Begin { begin, ack_deadline }).await?, at);
    if let Some(begin_response::Result::Order(order)) = &answer.result {
        trace::note(|| {
            let status = order.status().as_str_name();
            vec![KeyValue::new("order.id", order.id.clone()), KeyValue::new("order.status", status)]
        });
    }
    Ok(Response::new(answer))
}

#[tonic::async_trait]
impl MailboxService for App {
    async fn join(&self, request: Request<JoinRequest>) -> Result<Response<JoinResponse>, Status> {
        let id = decode::gateway_id(request.into_inner().gateway_id)?;
        let gateway = self.store.join(&id).await?;
        Ok(Response::new(JoinResponse {
            gateway: Some(encode::gateway(gateway)),
            lease: Some(encode::duration(self.lease)),
        }))
    }

    async fn leave(&self, request: Request<LeaveRequest>) -> Result<Response<LeaveResponse>, Status> {
        self.store.leave(&decode::gateway(request.into_inner().gateway)?).await?;
        Ok(Response::new(LeaveResponse {}))
    }

    async fn record(&self, request: Request<RecordRequest>) -> Result<Response<RecordResponse>, Status> {
        let record = decode::record(request.into_inner())?;
        let verdict = record.verdict.clone();
        let answer = self.store.record(record).await?;
        Ok(Response::new(encode::recorded(answer, verdict)))
    }

    async fn begin_init(
        &self,
        request: Request<BeginInitRequest>,
    ) -> Result<Response<BeginResponse>, Status> {
        let request = request.into_inner();
        let message = decode::received(request.message)?;
        let requested = decode::lines(request.lines)?;
        let priced = self.quote(&requested).await?;
        let priced = priced.and_then(|quote| quote.sold_by(&request.provider_id));
        let intent = Intent::Init { message: message.key.message.clone(), requested, priced };
        let begin = decode::begin(request.gateway, message, request.timestamp, intent, request.resume)?;
        begun(self, begin, request.ack_deadline).await
    }

    async fn begin_confirm(
        &self,
        request: Request<BeginConfirmRequest>,
    ) -> Result<Response<BeginResponse>, Status> {
        let request = request.into_inner();
        let message = decode::received(request.message)?;
        let intent = Intent::Confirm { order: request.order_id };
        let begin = decode::begin(request.gateway, message, request.timestamp, intent, request.resume)?;
        begun(self, begin, request.ack_deadline).await
    }

    async fn begin_cancel(
        &self,
        request: Request<BeginCancelRequest>,
    ) -> Result<Response<BeginResponse>, Status> {
        let request = request.into_inner();
        let message = decode::received(request.message)?;
        let intent = Intent::Cancel { order: request.order_id, reason: decode::text(request.reason) };
        let begin = decode::begin(request.gateway, message, request.timestamp, intent, request.resume)?;
        begun(self, begin, request.ack_deadline).await
    }

    async fn give_up(&self, request: Request<GiveUpRequest>) -> Result<Response<BeginResponse>, Status> {
        let request = request.into_inner();
        let message = decode::received(request.message)?;
        let order = match message.key.action.as_str() {
            "init" => {
                let TransactionKey { bap, transaction } = &message.scope;
                Some(OrderId::of_init(bap, transaction, &message.key.message))
            }
            _ => request.order_id.parse().ok(),
        };
        let intent = Intent::GiveUp(order);
        let begin = decode::begin(request.gateway, message, request.timestamp, intent, true)?;
        begun(self, begin, request.ack_deadline).await
    }

    async fn finish(&self, request: Request<FinishRequest>) -> Result<Response<FinishResponse>, Status> {
        let delivery = self.store.finish(decode::finish(request.into_inner())?).await?;
        Ok(Response::new(FinishResponse { delivery_id: delivery.to_string() }))
    }

    async fn send(&self, request: Request<SendRequest>) -> Result<Response<SendResponse>, Status> {
        let sent = self.store.send(decode::send(request.into_inner())?).await?;
        Ok(Response::new(SendResponse {
            stale: sent.delivery.is_none(),
            buyer_seq: sent.buyer_seq,
            delivery_id: sent.delivery.map(|id| id.to_string()).unwrap_or_default(),
        }))
    }

    async fn claim(&self, request: Request<ClaimRequest>) -> Result<Response<ClaimResponse>, Status> {
        let request = request.into_inner();
        let gateway = decode::gateway(request.gateway)?;
        let claimed = self.store.claim(&gateway, request.limit.clamp(1, MOST_CLAIMED)).await?;
        if !claimed.work.is_empty() || !claimed.deliveries.is_empty() {
            failpoint!("order.claim.committed");
        }
        Ok(Response::new(encode::claimed(claimed)))
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<RenewResponse>, Status> {
        let request = request.into_inner();
        let gateway = decode::gateway(request.gateway)?;
        let work = request
            .work
            .into_iter()
            .map(|work| Ok(decode::work(work)?.0))
            .collect::<Result<Vec<_>, Status>>()?;
        let deliveries = decode::uuids(&request.delivery_ids)?;
        let renewed = self.store.renew(&gateway, &work, &deliveries).await?;
        Ok(Response::new(RenewResponse { renewed: renewed.try_into().unwrap_or(u32::MAX) }))
    }

    async fn mark(&self, request: Request<MarkRequest>) -> Result<Response<MarkResponse>, Status> {
        let Marked { buyer_seqs, lost } = self.store.mark(decode::mark(request.into_inner())?).await?;
        let lost_ids = lost.iter().map(ToString::to_string).collect();
        Ok(Response::new(MarkResponse { buyer_seqs, lost_ids }))
    }

    async fn list_dead(
        &self,
        request: Request<ListDeadRequest>,
    ) -> Result<Response<ListDeadResponse>, Status> {
        let request = request.into_inner();
        let behind = decode::dead_cursor(&request.cursor)?;
        let page = self.store.dead(&request.action, behind, decode::limit(request.limit)).await?;
        Ok(Response::new(encode::dead(page)))
    }

    async fn redrive(&self, request: Request<RedriveRequest>) -> Result<Response<RedriveResponse>, Status> {
        self.store.redrive(decode::uuid(&request.into_inner().delivery_id)?).await?;
        Ok(Response::new(RedriveResponse {}))
    }

    async fn list_events(
        &self,
        request: Request<ListEventsRequest>,
    ) -> Result<Response<ListEventsResponse>, Status> {
        let request = request.into_inner();
        let query = EventQuery {
            scope: decode::scope(&request.bap_id, &request.transaction_id)?,
            buyer_view: request.buyer_view,
            after: request.after_seq,
            limit: decode::limit(request.limit),
        };
        let page = self.store.events(&query).await?;
        Ok(Response::new(encode::events(page, &request.transaction_id)))
    }

    async fn list_transactions(
        &self,
        request: Request<ListTransactionsRequest>,
    ) -> Result<Response<ListTransactionsResponse>, Status> {
        let request = request.into_inner();
        let bap = decode::participant(&request.bap_id)?;
        let behind = decode::cursor(&request.cursor)?;
        let client = decode::client(&request.client_id)?;
        let limit = decode::limit(request.limit);
        let page = self.store.transactions(&bap, client.as_ref(), behind, limit).await?;
        Ok(Response::new(encode::transactions(page)))
    }

    async fn get_transaction(
        &self,
        request: Request<GetTransactionRequest>,
    ) -> Result<Response<GetTransactionResponse>, Status> {
        let request = request.into_inner();
        let scope = decode::scope(&request.bap_id, &request.transaction_id)?;
        let transaction = self.store.transaction(&scope).await?;
        Ok(Response::new(GetTransactionResponse { transaction: Some(encode::transaction(transaction)) }))
    }

    async fn get_sent_request(
        &self,
        request: Request<GetSentRequestRequest>,
    ) -> Result<Response<GetSentRequestResponse>, Status> {
        let request = request.into_inner();
        let scope = decode::scope(&request.bap_id, &request.transaction_id)?;
        let message = decode::message(&request.message_id)?;
        let authorization = self.store.sent_request(&scope, &message).await?;
        Ok(Response::new(GetSentRequestResponse { authorization }))
    }

    async fn has_received(
        &self,
        request: Request<HasReceivedRequest>,
    ) -> Result<Response<HasReceivedResponse>, Status> {
        let HasReceivedRequest { sender, action, message_id } = request.into_inner();
        let key = InboxKey {
            sender: decode::participant(&sender)?,
            action,
            message: decode::message(&message_id)?,
        };
        Ok(Response::new(HasReceivedResponse { received: self.store.has_received(&key).await? }))
    }

    async fn clear_transactions(
        &self,
        request: Request<ClearTransactionsRequest>,
    ) -> Result<Response<ClearTransactionsResponse>, Status> {
        let bap = decode::participant(&request.into_inner().bap_id)?;
        Ok(Response::new(ClearTransactionsResponse { cleared: self.store.clear(&bap).await? }))
    }

    async fn compose(&self, request: Request<ComposeRequest>) -> Result<Response<ComposeResponse>, Status> {
        let delivery = self.store.compose(decode::compose(request.into_inner())?).await?;
        Ok(Response::new(ComposeResponse { delivery: Some(encode::delivery(delivery)) }))
    }
}
