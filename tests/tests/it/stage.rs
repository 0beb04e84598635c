//! A whole system of which one program dies again and again, and the trades that are made on it meanwhile.

use std::collections::HashSet;

use p2p_proto::catalog::{
    ReleaseBlocksRequest, ReservationStatus, ReserveBlocksRequest, ReturnBlocksRequest, SellBlocksRequest,
    StockLine, catalog_service_client::CatalogServiceClient,
};
use reqwest::Method;
use serde_json::{Value, json};
use tonic::{Status, transport::Channel};
use uuid::Uuid;

use crate::{
    beckn::{self, Message},
    client::{ALPHA, Answer, Client, Trade, until},
    programs::{Place, Program, Programs},
    receiver::Receiver,
    system::ready,
};

pub const ACTIONS: [&str; 5] = ["discover", "select", "init", "confirm", "status"];
/// So often a program that crosses its failpoint too early is started.
const BEGINS_AGAIN: usize = 5;
/// Until an answer of whoever is frozen is not waited for any more.
const FROZEN: std::time::Duration = std::time::Duration::from_secs(3);
/// What ALPHA has at first, and no trade takes more than 1 kWh of it.
const KWH: i64 = 50;

/// Who dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// Gateways, which start at these places in turn.
    Gateways(&'static [&'static str]),
    /// The same, but they do not die: they freeze, and go on when somebody else has done their work.
    FrozenGateways(&'static [&'static str]),
    Catalog,
    Order,
}

pub struct Stage {
    programs: Programs,
    victim: Victim,
    doomed: Option<Program>,
    frozen: Option<Program>,
    _others: Vec<Program>,
    places: Vec<Place>,
    turn: usize,
    receiver: Receiver,
    bought: i64,
}

impl Stage {
    pub async fn start(victim: Victim, lease_seconds: &str) -> Self {
        let ids = match victim {
            Victim::Gateways(ids) | Victim::FrozenGateways(ids) => ids,
            Victim::Catalog | Victim::Order => &["gateway-1"],
        };
        let places: Vec<Place> = ids.iter().map(|id| Place::new(id)).collect();
        // A busy machine is slow, and these tests are not about slowness.
        let more = [
            ("CALLBACK_DELAY", "20"),
            ("LEASE_SECONDS", lease_seconds),
            ("ACK_DEADLINE_MS", "5000"),
            ("SWEEP_INTERVAL_SECONDS", "1"),
        ];
        let programs = Programs::new(&places.iter().collect::<Vec<_>>(), &more).await;
        let [catalog, matching, order] = programs.services();
        let gateway = programs.gateway(&places[0]).await;
        let (doomed, others) = match victim {
            Victim::Gateways(_) | Victim::FrozenGateways(_) => (gateway, vec![catalog, matching, order]),
            Victim::Catalog => (catalog, vec![matching, order, gateway]),
            Victim::Order => (order, vec![catalog, matching, gateway]),
        };
        let receiver = Receiver::start().await;
        let (doomed, frozen) = (Some(doomed), None);
        Self { programs, victim, doomed, frozen, _others: others, places, turn: 0, receiver, bought: 0 }
    }

    fn place(&self) -> &Place {
        &self.places[self.turn % self.places.len()]
    }

    fn client(&self) -> Client {
        match self.victim {
            // Its connections stay.
            Victim::FrozenGateways(_) => self.place().client().waiting(FROZEN),
            _ => self.place().client(),
        }
    }

    fn spawn(&mut self, point: &str) {
        self.doomed = Some(match self.victim {
            Victim::Gateways(_) => self.programs.doomed_gateway(self.place(), point),
            Victim::FrozenGateways(_) => self.programs.freezing_gateway(self.place(), point),
            Victim::Catalog => self.programs.doomed_service("catalog", point),
            Victim::Order => self.programs.doomed_service("order", point),
        });
    }

    /// It has nothing to do any more: from now on it dies at `point`. A report of a delivery that was committed and not
    /// answered is made again, and may cross the point too early: therefore it ends well before, and begins again.
    async fn doom(&mut self, point: &str) {
        self.programs.tables.quiet().await;
        self.doomed.take().unwrap().terminate().await;
        for _ in 0..BEGINS_AGAIN {
            self.spawn(point);
            let (client, doomed) = (self.client(), self.doomed.as_mut().unwrap());
            tokio::select! {
                () = ready(&client, "ok") => return,
                () = doomed.dies() => println!("{point} was crossed too early"),
            }
        }
        panic!("{point} is crossed though nothing is asked");
    }

    /// Lets programs die one after the other at the points, each while it does what the one before has left. The
    /// last one lives.
    async fn survive(&mut self, points: &[String]) {
        for (n, point) in points.iter().enumerate() {
            let struck = self.doomed.take().unwrap();
            match self.victim {
                Victim::FrozenGateways(_) => {
                    struck.is_frozen().await;
                    self.frozen = Some(struck);
                }
                _ => struck.died().await,
            }
            println!("crossed {point} of {:?}", self.victim);
            self.turn += 1;
            self.spawn(points.get(n + 1).map_or("", String::as_str));
        }
        ready(&self.client(), "ok").await;
    }

    /// Whoever was frozen goes on, and ends well.
    async fn thaw(&mut self) {
        if let Some(frozen) = self.frozen.take() {
            frozen.thaw();
            ready(&self.frozen_place().client(), "ok").await;
            self.programs.tables.quiet().await;
            frozen.terminate().await;
        }
    }

    /// Of whoever had its turn before.
    fn frozen_place(&self) -> &Place {
        &self.places[(self.turn + self.places.len() - 1) % self.places.len()]
    }

    /// A trade of our own buyer through /api, during each action of which programs die. Answers how many requests
    /// the client had to make again, because nothing of them was kept.
    pub async fn own_trade(&mut self, deaths: impl Fn(&str) -> Vec<String>) -> usize {
        let id = Uuid::new_v4().to_string();
        let mut asked_again = 0;
        for action in ACTIONS {
            let points = deaths(action);
            if let Some(first) = points.first() {
                self.doom(first).await;
            }
            let told = ask(&self.client().trade(&id), action).await;
            self.survive(&points).await;
            let trade = self.client().trade(&id);
            if messages(&trade, action).await.is_empty() {
                assert!(!told, "{action} was acknowledged and forgotten");
                assert!(ask(&trade, action).await, "{action}");
                asked_again += 1;
            }
            reached(&trade, action).await;
            self.programs.tables.quiet().await;
            let messages = messages(&trade, action).await;
            let [sent, received, answered, heard] = &messages[..] else {
                panic!("{action} of {points:?} left {messages:#?}");
            };
            assert_eq!((&sent.0, &sent.1), (&received.0, &received.1), "{points:?}");
            assert_eq!((&answered.0, &answered.1), (&heard.0, &heard.1), "{points:?}");
            reached(&trade, action).await;
        }
        self.was_bought(&id).await;
        asked_again
    }

    /// A trade of a buyer who has another BAP, during each action of which programs die. Each callback is delivered
    /// so many times as `deliveries` says, with the same bytes.
    pub async fn foreign_trade(&mut self, deaths: impl Fn(&str) -> Vec<String>, deliveries: usize) {
        let id = Uuid::new_v4().to_string();
        let mut order = Value::Null;
        for action in ACTIONS {
            let points = deaths(action);
            if let Some(first) = points.first() {
                self.doom(first).await;
            }
            let said = match action {
                "discover" => json!({"filters": {"type": "jsonpath", "expression": "*"}}),
                "select" => beckn::select(ALPHA, &json!(1)),
                "init" => beckn::init(ALPHA, &json!(1)),
                "confirm" => json!({"order": {"id": order}}),
                _ => json!({"order_id": order}),
            };
            let message = Message::new(&self.client(), action, &id, said).elsewhere(&self.receiver.uri);
            let told = post(&self.client(), action, &message).await;
            self.survive(&points).await;
            let told = match told {
                Some(told) => told,
                None => acknowledged(&self.client(), action, &message).await,
            };
            self.programs.tables.quiet().await;
            self.thaw().await;
            let again = acknowledged(&self.client(), action, &message).await;
            assert_eq!(told.text, again.text, "the verdict on {action} of {points:?}");
            let callback =
                self.answered(action, &message, if points.is_empty() { 1 } else { deliveries }).await;
            if action == "init" {
                order = callback["message"]["order"]["id"].clone();
            }
        }
        self.was_bought(&id).await;
    }

    /// The callback to a message, as it was stored and as it arrived.
    async fn answered(&self, action: &str, message: &Message, deliveries: usize) -> Value {
        let action = format!("on_{action}");
        let of_it = |text: &String| {
            let callback: Value = serde_json::from_str(text).unwrap();
            callback["context"]["message_id"] == *message.id() && callback["context"]["action"] == *action
        };
        let arrived: Vec<String> = self.receiver.bodies().into_iter().filter(of_it).collect();
        let sql = format!(
            "SELECT e.raw_json FROM orders.outbox o JOIN orders.events e ON e.id = o.event_id
             WHERE o.action = '{action}' AND o.message_id = '{}'",
            message.id()
        );
        let stored = self.programs.tables.texts(&sql).await;
        assert_eq!((stored.len(), arrived.len()), (1, deliveries), "{action} {}", message.id());
        let bytes: HashSet<String> = arrived.into_iter().chain(stored).collect();
        assert_eq!(bytes.len(), 1, "{action} {bytes:#?}");
        serde_json::from_str(bytes.iter().next().unwrap()).unwrap()
    }

    /// One kWh in one order more than before.
    async fn was_bought(&mut self, transaction: &str) {
        self.bought += 1;
        let orders = format!("SELECT status FROM orders.orders WHERE transaction_id = '{transaction}'");
        assert_eq!(self.programs.tables.texts(&orders).await, ["ACTIVE"]);
        assert_eq!(self.programs.tables.stock(ALPHA).await, [KWH - self.bought, 0, self.bought]);
    }

    /// A request of our own buyer that the seller refuses, while a program dies at the point: the buyer is told, and
    /// the choice is not kept.
    pub async fn refused_choice(&mut self, point: &str) {
        let id = Uuid::new_v4().to_string();
        assert!(ask(&self.client().trade(&id), "discover").await);
        reached(&self.client().trade(&id), "discover").await;
        self.doom(point).await;
        let url = format!("{}/api/select", self.client().bap);
        let body = json!({"transaction_id": id, "offer_id": ALPHA, "quantity": 1_000});
        assert!(self.client().try_send(Method::POST, &url, Some(body.to_string().into())).await.is_none());
        self.survive(&[point.to_owned()]).await;
        let trade = self.client().trade(&id);
        let told = |state: &Value| state["error"]["code"] == "40001" && state["status"] == "SELECTING";
        let state = trade.state_where("the refusal", told).await;
        assert_eq!(state["selectedOffer"], Value::Null);
        self.programs.tables.quiet().await;
        assert_eq!(messages(&trade, "select").await.len(), 2);
    }

    /// An order of our own buyer that was bought comes to an end while programs die. Both sides are told once.
    pub async fn ended(&mut self, ending: Ending, points: &[&str]) {
        let points: Vec<String> = points.iter().map(|point| (*point).to_owned()).collect();
        let trade = self.client().trade(&Uuid::new_v4().to_string());
        assert!(ask(&trade, "discover").await);
        reached(&trade, "discover").await;
        let order = trade.ordered(ALPHA, 1).await;
        trade.bought().await;
        self.doom(&points[0]).await;
        let trade = self.client().trade(&trade.id);
        // Whether it is answered or not, the client cannot know whether it was done.
        ending.ask(&trade, &order).await;
        self.survive(&points).await;
        let trade = self.client().trade(&trade.id);
        if ending != Ending::CancelledByBuyer || messages(&trade, "cancel").await.is_empty() {
            until("the end that was asked for", async || {
                if ending.ask(&trade, &order).await { Ok(()) } else { Err("not yet".into()) }
            })
            .await;
        }
        trade.status(ending.status()).await;
        self.programs.tables.quiet().await;
        let told = messages(&trade, ending.callback()).await;
        let texts: Vec<&String> =
            told.iter().filter(|(action, _)| action.starts_with("on_")).map(|(_, text)| text).collect();
        // As it was sent and as it was heard.
        assert_eq!(texts.len(), 2, "{points:?} {told:#?}");
        assert_eq!(texts[0], texts[1], "{points:?}");
        if ending == Ending::Completed {
            self.bought += 1;
        }
        assert_eq!(self.programs.tables.stock(ALPHA).await, [KWH - self.bought, 0, self.bought]);
    }

    /// Holds blocks, sells them if they are to be returned, and gives them back while the catalog dies at the point.
    pub async fn given_back(&mut self, command: GiveBack, point: &str) {
        let order_id = Uuid::new_v4().to_string();
        let lines = vec![StockLine { offer_id: ALPHA.into(), quantity_wh: 5_000 }];
        let reserve =
            ReserveBlocksRequest { order_id: order_id.clone(), transaction_id: order_id.clone(), lines };
        let catalog = self.programs.catalog();
        catalog.clone().reserve_blocks(reserve).await.unwrap();
        if command == GiveBack::Return {
            catalog.clone().sell_blocks(SellBlocksRequest { order_id: order_id.clone() }).await.unwrap();
        }
        self.doom(point).await;
        command.ask(&catalog, &order_id).await.unwrap_err();
        self.survive(&[point.to_owned()]).await;
        for _ in 0..2 {
            assert_eq!(command.ask(&catalog, &order_id).await.unwrap(), command.ends_in());
            assert_eq!(self.programs.tables.stock(ALPHA).await, [KWH - self.bought, 0, self.bought]);
        }
    }

    pub async fn is_sound(&self) {
        self.programs.tables.is_sound().await;
    }
}

/// How an order ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    CancelledByBuyer,
    CancelledBySeller,
    Completed,
}

impl Ending {
    /// Whether it is said to be done, or accepted.
    async fn ask(self, trade: &Trade, order: &str) -> bool {
        let word = match self {
            Self::CancelledByBuyer => return ask(trade, "cancel").await,
            Self::CancelledBySeller => "cancel",
            Self::Completed => "complete",
        };
        let url = format!("{}/seller/orders/{order}/{word}", trade.client.bap);
        let answer = trade.client.try_send(Method::POST, &url, None).await;
        answer.is_some_and(|answer| answer.status == 200)
    }

    fn status(self) -> &'static str {
        match self {
            Self::CancelledByBuyer | Self::CancelledBySeller => "CANCELLED",
            Self::Completed => "COMPLETED",
        }
    }

    /// The action whose callback tells the buyer.
    fn callback(self) -> &'static str {
        match self {
            Self::CancelledByBuyer | Self::CancelledBySeller => "cancel",
            Self::Completed => "status",
        }
    }
}

/// How blocks come back into stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GiveBack {
    Release,
    Return,
}

impl GiveBack {
    async fn ask(
        self,
        catalog: &CatalogServiceClient<Channel>,
        order_id: &str,
    ) -> Result<ReservationStatus, Status> {
        let order_id = order_id.to_owned();
        let reservation = match self {
            Self::Release => {
                let request = ReleaseBlocksRequest { order_id, reason: "a test".into() };
                catalog.clone().release_blocks(request).await?.into_inner().reservation
            }
            Self::Return => {
                let request = ReturnBlocksRequest { order_id };
                catalog.clone().return_blocks(request).await?.into_inner().reservation
            }
        };
        Ok(reservation.unwrap().status())
    }

    fn ends_in(self) -> ReservationStatus {
        match self {
            Self::Release => ReservationStatus::Released,
            Self::Return => ReservationStatus::Returned,
        }
    }
}

/// An action of our own buyer. Whether it was acknowledged.
async fn ask(trade: &Trade, action: &str) -> bool {
    let mut body = match action {
        "discover" => json!({"sourceType": "SOLAR"}),
        "select" => json!({"offer_id": ALPHA, "quantity": 1}),
        _ => json!({}),
    };
    body["transaction_id"] = trade.id.clone().into();
    let url = format!("{}/api/{action}", trade.client.bap);
    let answer = trade.client.try_send(Method::POST, &url, Some(body.to_string().into())).await;
    answer.is_some_and(|answer| answer.is_acknowledged())
}

/// Waits until the buyer sees what an action has led to.
async fn reached(trade: &Trade, action: &str) {
    let holds = |state: &Value| match action {
        "discover" => state["status"] == "SELECTING" && state["catalog"]["providers"][0].is_object(),
        "select" => state["status"] == "INITIALIZING" && state["selectedQuantity"] == 1,
        "init" => state["status"] == "CONFIRMING" && state["order"]["status"] == "PENDING",
        _ => state["status"] == "ACTIVE" && state["order"]["status"] == "ACTIVE",
    };
    trade.state_where(&format!("the end of {action}"), holds).await;
}

/// What the client sees of the messages of one action and of its callback: their actions and texts.
async fn messages(trade: &Trade, action: &str) -> Vec<(String, String)> {
    let answer = trade.client.get(&format!("/api/transactions/{}/events?limit=1000", trade.id)).await;
    assert!([200, 404].contains(&answer.status), "{}", answer.text);
    let events = answer.json["events"].as_array().cloned().unwrap_or_default();
    let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
    let messages = events.iter().map(|event| (text(event, "action"), text(event, "raw_json")));
    messages.filter(|(of, _)| of.trim_start_matches("on_") == action).collect()
}

/// None without an acknowledgement.
async fn post(client: &Client, action: &str, message: &Message) -> Option<Answer> {
    let base = if action == "discover" { &client.cds } else { &client.bap };
    let answer =
        client.try_send(Method::POST, &format!("{base}/{action}"), Some(message.text().into())).await;
    answer.filter(Answer::is_acknowledged)
}

/// Posts the same until it is acknowledged, as other BAPs do.
async fn acknowledged(client: &Client, action: &str, message: &Message) -> Answer {
    until(action, async || post(client, action, message).await.ok_or_else(|| "not acknowledged".into())).await
}
