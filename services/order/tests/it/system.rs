//! Starts the service on a fresh database, and words for the tests.

use p2p_order::{Config, serve};
use p2p_proto::{
    catalog::catalog_service_server::CatalogServiceServer,
    matching::matching_service_server::MatchingServiceServer,
    order::{mailbox_service_client::MailboxServiceClient, order_service_client::OrderServiceClient, *},
};
use p2p_runtime::{Env, Stop};
use prost_types::Timestamp;
use sea_orm::{ConnectionTrait, Database};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Server};

use crate::{catalog::FakeCatalog, matching::FakeMatching};

pub const BAP: &str = "bap";

pub struct System {
    pub mailbox: MailboxServiceClient<Channel>,
    pub orders: OrderServiceClient<Channel>,
    pub catalog: FakeCatalog,
    pub matching: FakeMatching,
    pub database: String,
    pub channel: Channel,
    env: Env,
    stop: Stop,
}

impl Drop for System {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl System {
    pub async fn start() -> Self {
        Self::with_leases("10").await
    }

    pub async fn with_leases(seconds: &str) -> Self {
        Self::with_periods(seconds, "900").await
    }

    /// Its orders are held for so many seconds.
    pub async fn with_holds(seconds: &str) -> Self {
        Self::with_periods("10", seconds).await
    }

    async fn with_periods(lease_seconds: &str, hold_seconds: &str) -> Self {
        Self::with([("LEASE_SECONDS", lease_seconds), ("ORDER_HOLD_SECONDS", hold_seconds)]).await
    }

    /// With two variables more.
    pub async fn with([one, other]: [(&str, &str); 2]) -> Self {
        let database = p2p_testkit::database().await.unwrap();
        let catalog = FakeCatalog::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let catalog_address = listener.local_addr().unwrap().to_string();
        let server = Server::builder().add_service(CatalogServiceServer::new(catalog.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        let matching = FakeMatching::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let matching_address = listener.local_addr().unwrap().to_string();
        let server = Server::builder().add_service(MatchingServiceServer::new(matching.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        let env = Env::of([
            ("ORDER_DATABASE_URL", &database),
            ("CATALOG_ADDR", &catalog_address),
            ("MATCHING_ADDR", &matching_address),
            one,
            other,
            ("SWEEP_INTERVAL_SECONDS", "1"),
            p2p_testkit::ALLOW_OFF,
        ]);
        let stop = Stop::new();
        let channel = started(&env, &stop).await;
        Self {
            mailbox: MailboxServiceClient::new(channel.clone()),
            orders: OrderServiceClient::new(channel.clone()),
            channel,
            catalog,
            matching,
            database,
            env,
            stop,
        }
    }

    pub fn stop(&self) {
        self.stop.cancel();
    }

    pub async fn history(&self, order: &str) -> Result<GetOrderHistoryResponse, tonic::Status> {
        let request = GetOrderHistoryRequest { order_id: order.into() };
        Ok(self.orders.clone().get_order_history(request).await?.into_inner())
    }

    /// The mailbox of another order service on the same database.
    pub async fn another(&self) -> MailboxServiceClient<Channel> {
        MailboxServiceClient::new(started(&self.env, &self.stop).await)
    }

    /// What contradicts itself now.
    pub async fn violations(&self) -> Vec<String> {
        let request = CheckInvariantsRequest { quiet: Some(prost_types::Duration::default()) };
        let checked = self.orders.clone().check_invariants(request).await.unwrap().into_inner();
        checked.violations.into_iter().map(|found| format!("{}: {}", found.rule, found.what)).collect()
    }

    pub async fn leave(&self, gateway: &Gateway) {
        self.mailbox.clone().leave(LeaveRequest { gateway: Some(gateway.clone()) }).await.unwrap();
    }

    /// Runs a statement on its database.
    pub async fn run(&self, statement: &str) {
        let db = Database::connect(&self.database).await.unwrap();
        db.execute_unprepared(statement).await.unwrap();
    }

    pub async fn join(&self, id: &str) -> Gateway {
        let request = JoinRequest { gateway_id: id.into() };
        self.mailbox.clone().join(request).await.unwrap().into_inner().gateway.unwrap()
    }

    pub async fn init(&self, gateway: &Gateway, message: ReceivedMessage, kwh: i64) -> BeginResponse {
        self.try_init(gateway, message, kwh, false).await.unwrap()
    }

    pub async fn try_init(
        &self,
        gateway: &Gateway,
        message: ReceivedMessage,
        kwh: i64,
        resume: bool,
    ) -> Result<BeginResponse, tonic::Status> {
        let line =
            RequestedLine { item_id: "item".into(), offer_id: "offer".into(), quantity_wh: kwh * 1_000 };
        let request = BeginInitRequest {
            gateway: Some(gateway.clone()),
            message: Some(message),
            timestamp: now(),
            ack_deadline: Some(prost_types::Duration { seconds: 5, nanos: 0 }),
            lines: vec![line],
            resume,
            ..Default::default()
        };
        Ok(self.mailbox.clone().begin_init(request).await?.into_inner())
    }

    pub async fn confirm(
        &self,
        gateway: &Gateway,
        message: ReceivedMessage,
        order_id: &str,
    ) -> BeginResponse {
        self.try_confirm(gateway, message, order_id, false).await.unwrap()
    }

    pub async fn try_confirm(
        &self,
        gateway: &Gateway,
        message: ReceivedMessage,
        order_id: &str,
        resume: bool,
    ) -> Result<BeginResponse, tonic::Status> {
        let request = BeginConfirmRequest {
            gateway: Some(gateway.clone()),
            message: Some(message),
            timestamp: now(),
            ack_deadline: Some(prost_types::Duration { seconds: 5, nanos: 0 }),
            order_id: order_id.into(),
            resume,
        };
        Ok(self.mailbox.clone().begin_confirm(request).await?.into_inner())
    }

    pub async fn try_cancel(
        &self,
        gateway: &Gateway,
        message: ReceivedMessage,
        order_id: &str,
        resume: bool,
    ) -> Result<BeginResponse, tonic::Status> {
        let request = BeginCancelRequest {
            gateway: Some(gateway.clone()),
            message: Some(message),
            timestamp: now(),
            ack_deadline: Some(prost_types::Duration { seconds: 5, nanos: 0 }),
            order_id: order_id.into(),
            reason: "cloudy".into(),
            resume,
        };
        Ok(self.mailbox.clone().begin_cancel(request).await?.into_inner())
    }

    /// An order whose blocks are held, and perhaps sold.
    pub async fn order_in(&self, gateway: &Gateway, transaction: &str, sold: bool) -> Order {
        let init = received("init", transaction, &format!("{transaction}-init"));
        let begun = self.init(gateway, init.clone(), 10).await;
        let order = made(&begun);
        self.finish(gateway, &init, begun.change).await.unwrap();
        if sold {
            let confirm = received("confirm", transaction, &format!("{transaction}-confirm"));
            let begun = self.confirm(gateway, confirm.clone(), &order.id).await;
            self.finish(gateway, &confirm, begun.change).await.unwrap();
        }
        order
    }

    pub async fn complete(&self, order: &str) -> Result<Order, tonic::Status> {
        let request = CompleteOrderRequest { order_id: order.into(), provider_id: String::new() };
        Ok(self.orders.clone().complete_order(request).await?.into_inner().order.unwrap())
    }

    pub async fn compose(
        &self,
        gateway: &Gateway,
        delivery: &Delivery,
        body: &str,
    ) -> Result<Delivery, tonic::Status> {
        let request = ComposeRequest {
            gateway: Some(gateway.clone()),
            delivery_id: delivery.id.clone(),
            message: Some(outgoing(&delivery.action, &delivery.message_id, body)),
        };
        Ok(self.mailbox.clone().compose(request).await?.into_inner().delivery.unwrap())
    }

    pub async fn give_up(
        &self,
        gateway: &Gateway,
        message: &ReceivedMessage,
        order_id: &str,
    ) -> Result<BeginResponse, tonic::Status> {
        let request = GiveUpRequest {
            order_id: order_id.into(),
            gateway: Some(gateway.clone()),
            message: Some(message.clone()),
            timestamp: now(),
            ack_deadline: Some(prost_types::Duration { seconds: 5, nanos: 0 }),
        };
        Ok(self.mailbox.clone().give_up(request).await?.into_inner())
    }

    pub async fn finish(
        &self,
        gateway: &Gateway,
        message: &ReceivedMessage,
        change: Option<OrderChange>,
    ) -> Result<FinishResponse, tonic::Status> {
        let request = FinishRequest {
            gateway: Some(gateway.clone()),
            work: Some(work(message)),
            reply: Some(outgoing(&format!("on_{}", message.action), &message.message_id, "{}")),
            change,
            quote: None,
        };
        Ok(self.mailbox.clone().finish(request).await?.into_inner())
    }

    pub async fn record(&self, gateway: &Gateway, message: ReceivedMessage) -> RecordResponse {
        let reply = outgoing(&format!("on_{}", message.action), &message.message_id, "{}");
        let is_callback = message.action.starts_with("on_");
        let request = RecordRequest {
            gateway: Some(gateway.clone()),
            message: Some(message),
            verdict: Some(Verdict { refusal: None, timestamp: now() }),
            reply: if is_callback { None } else { Some(reply) },
            quote: None,
            buyer_json: String::new(),
        };
        self.mailbox.clone().record(request).await.unwrap().into_inner()
    }

    pub async fn order(&self, transaction: &str, id: &str) -> Result<Order, tonic::Status> {
        let request =
            GetOrderRequest { bap_id: BAP.into(), transaction_id: transaction.into(), order_id: id.into() };
        Ok(self.orders.clone().get_order(request).await?.into_inner().order.unwrap())
    }

    pub async fn events(&self, transaction: &str, buyer_view: bool) -> ListEventsResponse {
        let request = ListEventsRequest {
            bap_id: BAP.into(),
            transaction_id: transaction.into(),
            buyer_view,
            after_seq: 0,
            limit: 0,
        };
        self.mailbox.clone().list_events(request).await.unwrap().into_inner()
    }

    pub async fn claim(&self, gateway: &Gateway) -> ClaimResponse {
        let request = ClaimRequest { gateway: Some(gateway.clone()), limit: 100 };
        self.mailbox.clone().claim(request).await.unwrap().into_inner()
    }
}

async fn started(env: &Env, stop: &Stop) -> Channel {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(Config::from_env(env).unwrap(), listener, stop.clone()));
    Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

pub fn now() -> Option<Timestamp> {
    Some(p2p_proto::timestamp(p2p_domain::Clock::system().now()))
}

pub fn received(action: &str, transaction: &str, message: &str) -> ReceivedMessage {
    ReceivedMessage {
        sender: BAP.into(),
        action: action.into(),
        message_id: message.into(),
        bap_id: BAP.into(),
        transaction_id: transaction.into(),
        body: format!(r#"{{"message":"{message}"}}"#),
        traceparent: String::new(),
        authorization: String::new(),
    }
}

pub fn outgoing(action: &str, message: &str, body: &str) -> OutgoingMessage {
    OutgoingMessage {
        action: action.into(),
        message_id: message.into(),
        uri: "http://127.0.0.1:1/x".into(),
        body: body.into(),
        ..OutgoingMessage::default()
    }
}

pub fn work(message: &ReceivedMessage) -> Work {
    Work {
        sender: message.sender.clone(),
        action: message.action.clone(),
        message_id: message.message_id.clone(),
        bap_id: message.bap_id.clone(),
        transaction_id: message.transaction_id.clone(),
    }
}

pub fn made(response: &BeginResponse) -> Order {
    match &response.result {
        Some(begin_response::Result::Order(order)) => order.clone(),
        other => panic!("no order but {other:?}"),
    }
}

pub fn failure(response: &BeginResponse) -> Refusal {
    match &response.result {
        Some(begin_response::Result::Failure(refusal)) => refusal.clone(),
        other => panic!("no failure but {other:?}"),
    }
}
