//! A buyer's HTTP client, and one trade as it sees it.

use std::{net::IpAddr, time::Duration};

use p2p_domain::Clock;
use reqwest::{
    Method,
    header::{HeaderMap, HeaderName},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// Generous, for a machine that does other things as well.
pub const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);

pub const ALPHA: &str = "offer-alpha-morning";
pub const BETA: &str = "offer-beta-afternoon";
pub const ALPHA_PROVIDER: &str = "provider-solar-alpha";
pub const BETA_PROVIDER: &str = "provider-solar-beta";

/// Asks until the answer will do.
pub async fn until<T, F: Future<Output = Result<T, String>>>(what: &str, ask: impl FnMut() -> F) -> T {
    until_within(PATIENCE, what, ask).await
}

/// The same with so much patience.
pub async fn until_within<T, F: Future<Output = Result<T, String>>>(
    patience: Duration,
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        match ask().await {
            Ok(found) => return found,
            Err(seen) => assert!(Instant::now() < deadline, "waited in vain for {what}; it is still\n{seen}"),
        }
        sleep(POLL).await;
    }
}

/// An hour of tomorrow, UTC, as the seed's offers are dated.
pub fn tomorrow(hour: u32) -> String {
    let day = Clock::system().now().date_naive().succ_opt().unwrap();
    format!("{day}T{hour:02}:00:00Z")
}

/// Tomorrow, 11:00 to 15:00.
pub fn window() -> Value {
    json!({"startTime": tomorrow(11), "endTime": tomorrow(15)})
}

/// An answer; it is JSON, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub json: Value,
}

impl Answer {
    /// The verdict inside an /api answer or of a Beckn path.
    pub fn verdict(&self) -> &str {
        let ack = self.json.pointer("/ack/ack").or(self.json.pointer("/ack"));
        ack.and_then(|ack| ack["ack_status"].as_str()).unwrap_or("")
    }

    pub fn is_acknowledged(&self) -> bool {
        self.status == 200 && self.verdict() == "ACK"
    }

    pub fn acknowledged(self) -> Self {
        assert!(self.is_acknowledged(), "{} {}", self.status, self.text);
        self
    }

    /// code and message of a NACK on 200.
    pub fn refused(&self) -> (&str, &str) {
        assert_eq!((self.status, self.verdict()), (200, "NACK"), "{}", self.text);
        let ack = self.json.pointer("/ack/ack").or(self.json.pointer("/ack")).unwrap();
        (ack["error"]["code"].as_str().unwrap(), ack["error"]["message"].as_str().unwrap())
    }

    pub fn message_id(&self) -> String {
        self.json["message_id"].as_str().unwrap_or_else(|| panic!("no message_id: {}", self.text)).to_owned()
    }

    /// The body of an error, without the id of its request, which is there.
    pub fn said(&self) -> Value {
        let mut said = self.json.clone();
        let id = said.as_object_mut().and_then(|said| said.remove("request_id"));
        assert_eq!(id, Some(self.header("x-request-id").into()), "{}", self.text);
        said
    }

    pub fn header(&self, name: &str) -> String {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {:?}", self.headers));
        value.to_str().unwrap().to_owned()
    }

    pub fn error(&self) -> &str {
        self.json["error"].as_str().unwrap_or("")
    }
}

/// A client of HTTP.
pub fn http() -> reqwest::ClientBuilder {
    p2p_runtime::use_ring();
    reqwest::Client::builder().no_proxy().timeout(PATIENCE)
}

/// Talks to one gateway.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    /// In every request.
    headers: HeaderMap,
    /// From where it calls; anywhere when none.
    address: Option<IpAddr>,
    pub bap: String,
    pub cds: String,
}

impl Client {
    pub fn new(bap: String, cds: String) -> Self {
        Self { http: http().build().unwrap(), headers: HeaderMap::new(), address: None, bap, cds }
    }

    /// The same, with a header in every request.
    pub fn saying(&self, name: &'static str, value: &str) -> Self {
        let mut saying = self.clone();
        saying.headers.insert(HeaderName::from_static(name), value.parse().unwrap());
        saying.rebuilt()
    }

    /// The same, which waits so long for an answer.
    pub fn waiting(&self, patience: Duration) -> Self {
        Self { http: http().timeout(patience).build().unwrap(), ..self.clone() }
    }

    /// The same, from another address of this machine.
    pub fn calling_from(&self, address: IpAddr) -> Self {
        Self { address: Some(address), ..self.clone() }.rebuilt()
    }

    fn rebuilt(self) -> Self {
        let builder = http().default_headers(self.headers.clone()).local_address(self.address);
        Self { http: builder.build().unwrap(), ..self }
    }

    /// None when there is no answer.
    pub async fn try_send(&self, method: Method, url: &str, body: Option<Vec<u8>>) -> Option<Answer> {
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        let text = response.text().await.ok()?;
        let kind = kind.unwrap_or_default();
        assert!(kind.starts_with("application/json"), "{url} answers {status} with {kind:?}: {text}");
        let json =
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("{url} answers {status} {e}: {text}"));
        Some(Answer { status, headers, text, json })
    }

    pub async fn send(&self, method: Method, url: &str, body: Option<Vec<u8>>) -> Answer {
        self.try_send(method, url, body).await.unwrap_or_else(|| panic!("{url} does not answer"))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, &format!("{}{path}", self.bap), None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_text(path, &body.to_string()).await
    }

    pub async fn post_text(&self, path: &str, body: &str) -> Answer {
        self.send(Method::POST, &format!("{}{path}", self.bap), Some(body.into())).await
    }

    /// Discovers as the README does, and waits for the catalog.
    pub async fn discover(&self) -> Trade {
        let criteria = json!({
            "sourceType": "SOLAR", "deliveryMode": "INSTANT", "minQuantity": 20, "timeWindow": window(),
        });
        let answer = self.post("/api/discover", &criteria).await.acknowledged();
        let trade = self.trade(answer.json["transaction_id"].as_str().unwrap());
        trade.status("SELECTING").await;
        trade
    }

    /// The same for wind, at any time.
    pub async fn discover_wind(&self) -> Trade {
        let answer = self.post("/api/discover", &json!({"sourceType": "WIND"})).await.acknowledged();
        let trade = self.trade(answer.json["transaction_id"].as_str().unwrap());
        trade.status("SELECTING").await;
        trade
    }

    pub fn trade(&self, id: &str) -> Trade {
        Trade { client: self.clone(), id: id.to_owned() }
    }
}

/// One trade.
#[derive(Debug, Clone)]
pub struct Trade {
    pub client: Client,
    pub id: String,
}

impl Trade {
    /// An /api request about this trade.
    pub async fn ask(&self, action: &str, mut with: Value) -> Answer {
        with["transaction_id"] = self.id.clone().into();
        self.client.post(&format!("/api/{action}"), &with).await
    }

    /// The best match for so many kWh, 11:00 to 15:00.
    pub async fn match_best(&self, kwh: u32) -> Answer {
        self.ask("select", json!({"quantity": kwh, "autoMatch": true, "requestedTimeWindow": window()})).await
    }

    pub async fn select(&self, offer: &str, kwh: u32) -> Answer {
        self.ask("select", json!({"quantity": kwh, "offer_id": offer})).await
    }

    pub async fn state_text(&self) -> String {
        let answer = self.client.get(&format!("/api/transactions/{}", self.id)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.text
    }

    pub async fn state(&self) -> Value {
        serde_json::from_str(&self.state_text().await).unwrap()
    }

    pub async fn state_where(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        until(what, async || {
            let state = self.state().await;
            if holds(&state) { Ok(state) } else { Err(without_catalog(state).to_string()) }
        })
        .await
    }

    pub async fn status(&self, status: &str) -> Value {
        self.state_where(status, |state| state["status"] == status).await
    }

    pub async fn events(&self) -> Vec<Value> {
        let answer = self.client.get(&format!("/api/transactions/{}/events?limit=1000", self.id)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json["events"].as_array().unwrap().clone()
    }

    /// Waits for the callback to a request, applied or not. Returns its text.
    pub async fn heard(&self, action: &str, message_id: &str) -> String {
        until(&format!("{action} {message_id}"), async || {
            let events = self.events().await;
            let heard = events.iter().find(|event| {
                event["action"] == action
                    && event["direction"] == "INBOUND"
                    && event["message_id"] == message_id
            });
            match heard {
                Some(heard) => Ok(heard["raw_json"].as_str().unwrap().to_owned()),
                None => Err(format!("{} events", events.len())),
            }
        })
        .await
    }

    /// Selects, inits and waits for the order. Returns its id.
    pub async fn ordered(&self, offer: &str, kwh: u32) -> String {
        self.select(offer, kwh).await.acknowledged();
        self.status("INITIALIZING").await;
        self.ask("init", json!({})).await.acknowledged();
        order_id(&self.status("CONFIRMING").await)
    }

    /// Confirms and waits until it is bought.
    pub async fn bought(&self) -> Value {
        self.ask("confirm", json!({})).await.acknowledged();
        self.status("ACTIVE").await
    }
}

pub fn order_id(state: &Value) -> String {
    state["order"]["id"].as_str().unwrap_or_else(|| panic!("no order: {state}")).to_owned()
}

/// What is worth reading of a state in a failure's message.
pub fn without_catalog(mut state: Value) -> Value {
    if let Some(parts) = state.as_object_mut() {
        parts.remove("catalog");
        parts.remove("matchingResults");
    }
    state
}
