//! Those who buy meanwhile: each is a process of the history, and keeps account of what it was told.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::Uuid;

use super::{
    buyer::Buyer,
    history::{History, Kind},
    market::{ENDLESS, Market, Offer},
};
use crate::{
    beckn::Message,
    client::{Answer, Client, until_within},
    receiver::Receiver,
    sql::Tables,
};

/// Who buys by way of our own buyer's side; of each dozen one.
const OWN: usize = 12;
/// Who takes its callbacks badly, of each dozen too.
const MISBEHAVING: usize = 5;
/// Until a callback has come, whatever is struck meanwhile: its fifth attempt begins within three minutes.
pub const PATIENCE: Duration = Duration::from_secs(240);
const PAUSE: Duration = Duration::from_millis(30);
/// One accepted message of so many is sent again.
const REPEATED: usize = 8;

/// How a purchase ended, as its buyer was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Bought,
    Cancelled,
    /// It was never confirmed.
    Abandoned,
    Refused,
}

/// What a buyer knows of a purchase.
#[derive(Debug, Clone)]
pub struct Purchase {
    pub transaction: String,
    /// None when it was refused before there was one.
    pub order: Option<String>,
    pub offer: String,
    pub kwh: i64,
    pub end: End,
    /// By way of our own buyer's side.
    pub own: bool,
}

/// What a buyer intends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Buy,
    CancelPending,
    CancelBought,
    Abandon,
}

impl Wish {
    fn of(rng: &mut Rng) -> Self {
        match rng.usize(..100) {
            0..82 => Self::Buy,
            82..90 => Self::CancelPending,
            90..98 => Self::CancelBought,
            _ => Self::Abandon,
        }
    }
}

enum Verdict {
    Ack,
    Nack,
}

/// The buyers and what they share.
#[derive(Debug)]
pub struct Shop {
    pub history: Arc<History>,
    pub market: Market,
    /// Both gateways.
    pub gateways: Vec<Client>,
    pub honest: Buyer,
    /// Where the honest one is called.
    pub honest_uri: String,
    pub misbehaving: Buyer,
    /// Where the misbehaving one sends those who follow it.
    pub trap: Receiver,
    pub seed: u64,
    pub purchases: Mutex<Vec<Purchase>>,
    /// Action, message_id and text of all that was said to the seller's side.
    pub said: Mutex<Vec<(String, String, Message)>>,
    /// Action and message_id of what our own buyer's side accepted.
    pub asked: Mutex<Vec<(String, String)>>,
    pub calm: AtomicBool,
}

impl Shop {
    /// One process, until the storm is over and everything is drained.
    pub async fn process(self: Arc<Self>, n: usize, tables: Tables) {
        let mut rng = Rng::with_seed(self.seed.wrapping_add(1 + n as u64));
        let name = format!("buyer-{n}");
        for trade in 0.. {
            let calm = self.calm.load(Ordering::Relaxed);
            if n % OWN == OWN - 1 {
                if calm {
                    return;
                }
                self.own_purchase(&name, &mut rng).await;
                continue;
            }
            let (offer, kwh) = match self.market.lot(&mut rng) {
                Some(lot) => lot,
                None if calm && self.market.is_drained(&tables).await => return,
                // What others hold may come back.
                None if calm => {
                    sleep(PAUSE * 10).await;
                    continue;
                }
                None => self.market.endless_lot(&mut rng),
            };
            let badly = n % OWN == MISBEHAVING;
            self.purchase(&name, &format!("{}-{n}-{trade}", self.seed), badly, offer, kwh, &mut rng).await;
        }
    }

    /// A purchase of another BAP's.
    async fn purchase(
        &self,
        process: &str,
        transaction: &str,
        badly: bool,
        offer: Offer,
        kwh: i64,
        rng: &mut Rng,
    ) {
        let (buyer, uri) = match badly {
            true => (&self.misbehaving, &self.misbehaving.receiver.uri),
            false => (&self.honest, &self.honest_uri),
        };
        let at = Stall { shop: self, process, transaction, buyer, uri, provider: &offer.provider };
        let mut purchase = Purchase {
            transaction: transaction.to_owned(),
            order: None,
            offer: offer.id.clone(),
            kwh,
            end: End::Refused,
            own: false,
        };
        let line = json!({"item_id": offer.item, "offer_id": offer.id, "quantity": kwh});
        if rng.usize(..5) == 0 {
            at.says("select", json!({ "orderItems": [line] }), rng).await;
        }
        let init = json!({"order": {"items": [line], "provider": {"id": offer.provider}}});
        let made = at.says("init", init, rng).await;
        let order = made.as_ref().and_then(|made| made["message"]["order"]["id"].as_str());
        let Some(order) = order else { return self.ended(purchase) };
        purchase.order = Some(order.to_owned());
        let wish = Wish::of(rng);
        purchase.end = match wish {
            Wish::Abandon => End::Abandoned,
            Wish::CancelPending => at.cancels(order, rng).await,
            Wish::Buy | Wish::CancelBought => {
                let bought = at.says("confirm", json!({"order": {"id": order}}), rng).await;
                match bought.map(|bought| bought["message"]["order"]["status"].clone()) {
                    Some(status) if status == "ACTIVE" && wish == Wish::Buy => End::Bought,
                    Some(status) if status == "ACTIVE" => at.cancels(order, rng).await,
                    Some(other) => panic!("a confirm is answered with {other}"),
                    // Its hold was over.
                    None => End::Abandoned,
                }
            }
        };
        if rng.usize(..5) == 0 {
            at.says("status", json!({ "order_id": order }), rng).await;
        }
        self.ended(purchase);
    }

    fn ended(&self, purchase: Purchase) {
        self.purchases.lock().unwrap().push(purchase);
    }

    fn gateway(&self, rng: &mut Rng) -> &Client {
        &self.gateways[rng.usize(..self.gateways.len())]
    }

    /// Says it until there is a verdict, by any gateway; now and then once more.
    async fn verdict(&self, process: &str, action: &str, message: &Message, rng: &mut Rng) -> Verdict {
        let id = message.id();
        self.said.lock().unwrap().push((action.to_owned(), id.clone(), message.clone()));
        let mut repeats = usize::from(rng.usize(..REPEATED) == 0);
        loop {
            self.history.note(process, action, &id, Kind::Invoke, "");
            let (kind, said) = judged(told(self.gateway(rng), action, message).await);
            self.history.note(process, action, &id, kind, &said);
            match kind {
                Kind::Ok if repeats == 0 => return Verdict::Ack,
                Kind::Fail if repeats == 0 => return Verdict::Nack,
                Kind::Ok | Kind::Fail => repeats -= 1,
                Kind::Info | Kind::Invoke => sleep(PAUSE).await,
            }
        }
    }

    /// A purchase by way of our own buyer's side.
    async fn own_purchase(&self, process: &str, rng: &mut Rng) {
        let transaction = Uuid::from_u128(rng.u128(..)).to_string();
        let (offer, kwh) = self.market.endless_lot(rng);
        let mut purchase = Purchase {
            transaction: transaction.clone(),
            order: None,
            offer: offer.id.clone(),
            kwh,
            end: End::Refused,
            own: true,
        };
        let steps = [
            ("discover", json!({ "sourceType": ENDLESS }), "SELECTING"),
            ("select", json!({"offer_id": offer.id, "quantity": kwh}), "INITIALIZING"),
            ("init", json!({}), "CONFIRMING"),
            ("confirm", json!({}), "ACTIVE"),
        ];
        for (action, mut body, next) in steps {
            body["transaction_id"] = transaction.clone().into();
            if self.asks(process, action, &body, rng).await.is_none() {
                break;
            }
            let state = self.shown(&transaction, next, rng).await;
            if let Some(order) = state["order"]["id"].as_str() {
                purchase.order = Some(order.to_owned());
                purchase.end = End::Abandoned;
            }
            if state["status"] != next {
                break;
            }
            if action == "confirm" {
                purchase.end = End::Bought;
            }
        }
        self.ended(purchase);
    }

    /// Asks until it is accepted. None when it is refused.
    async fn asks(&self, process: &str, action: &str, body: &Value, rng: &mut Rng) -> Option<()> {
        let transaction = body["transaction_id"].as_str().unwrap();
        loop {
            self.history.note(process, action, transaction, Kind::Invoke, "");
            let gateway = self.gateway(rng);
            let url = format!("{}/api/{action}", gateway.bap);
            let answer = gateway.try_send(Method::POST, &url, Some(body.to_string().into())).await;
            let (kind, said) = match &answer {
                // 400: the state does not show yet what was accepted before.
                Some(answer) if matches!(answer.status, 400 | 502) => (Kind::Info, answer.text.clone()),
                _ => judged(answer.clone()),
            };
            let id = answer.filter(|_| kind == Kind::Ok).map(|answer| answer.message_id());
            self.history.note(process, action, id.as_deref().unwrap_or(transaction), kind, &said);
            match (kind, id) {
                (Kind::Ok, Some(id)) => {
                    self.asked.lock().unwrap().push((action.to_owned(), id));
                    return Some(());
                }
                (Kind::Fail, _) => return None,
                _ => sleep(PAUSE).await,
            }
        }
    }

    /// Waits until the buyer's state is so, or says that it will never be.
    async fn shown(&self, transaction: &str, status: &str, rng: &mut Rng) -> Value {
        let rng = Mutex::new(rng.fork());
        until_within(PATIENCE, &format!("{status} of {transaction}"), async || {
            sleep(PAUSE).await;
            let gateway = self.gateway(&mut rng.lock().unwrap()).clone();
            let url = format!("{}/api/transactions/{transaction}", gateway.bap);
            let Some(answer) = gateway.try_send(Method::GET, &url, None).await else {
                return Err("no answer".to_owned());
            };
            let state = &answer.json;
            let over = state["error"]["code"].is_string() || state["status"] == "CANCELLED";
            match answer.status == 200 && (state["status"] == status || over) {
                true => Ok(answer.json),
                false => Err(format!("{} {}", state["status"], state["error"])),
            }
        })
        .await
    }
}

/// One buyer's place for one purchase.
struct Stall<'a> {
    shop: &'a Shop,
    process: &'a str,
    transaction: &'a str,
    buyer: &'a Buyer,
    uri: &'a str,
    provider: &'a str,
}

impl Stall<'_> {
    /// Says something and hears the callback; none when it is refused.
    async fn says(&self, action: &str, said: Value, rng: &mut Rng) -> Option<Value> {
        let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{} {action}", self.transaction).as_bytes());
        let message = Message::new(&self.shop.gateways[0], action, self.transaction, said)
            .elsewhere(self.uri)
            .with("bpp_id", self.provider)
            .with("message_id", &id.to_string());
        match self.shop.verdict(self.process, action, &message, rng).await {
            Verdict::Ack => Some(self.buyer.hears(PATIENCE, &format!("on_{action}"), &id.to_string()).await),
            Verdict::Nack => None,
        }
    }

    async fn cancels(&self, order: &str, rng: &mut Rng) -> End {
        match self.says("cancel", json!({ "order_id": order }), rng).await {
            Some(told) => {
                assert_eq!(told["message"]["order"]["status"], "CANCELLED", "{told}");
                End::Cancelled
            }
            // It has expired.
            None => End::Abandoned,
        }
    }
}

/// Says it once. None when there is no answer.
pub async fn told(gateway: &Client, action: &str, message: &Message) -> Option<Answer> {
    gateway.try_send(Method::POST, &format!("{}/{action}", gateway.bap), Some(message.text().into())).await
}

/// What an answer means.
fn judged(answer: Option<Answer>) -> (Kind, String) {
    let Some(answer) = answer else { return (Kind::Info, String::new()) };
    let kind = match (answer.status, answer.verdict()) {
        (200, "ACK") => Kind::Ok,
        (200, "NACK") => Kind::Fail,
        (503, _) => Kind::Info,
        (status, _) => panic!("{status} {}", answer.text),
    };
    (kind, answer.text)
}
