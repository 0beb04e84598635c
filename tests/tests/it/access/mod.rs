//! Who may act, against the shipped programs with AUTH=keys: every route, every kind of key, and what is another's.

mod doors;
mod rates;
mod rotation;
mod tenants;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client, window},
    programs::{Place, Program, Programs},
};

const OPERATOR_KEY: &str = "operator-key-of-this-test-0123456789abcdef";

/// A running system that asks for keys, with two gateways.
struct Locked {
    programs: Programs,
    places: [Place; 2],
    _running: Vec<Program>,
}

/// Who has a key.
struct Holder {
    /// Shows it in every request.
    client: Client,
    /// The client's or the provider's id.
    id: String,
    key: String,
}

/// A provider with what it sells.
struct Shop {
    holder: Holder,
    item: String,
    offer: String,
}

/// The same gateway, asked with this key.
fn with_key(client: &Client, key: &str) -> Client {
    client.saying("authorization", &format!("Bearer {key}"))
}

impl Locked {
    async fn start() -> Self {
        let places = [Place::new("gateway-1"), Place::new("gateway-2")];
        let more = [("AUTH", "keys"), ("OPERATOR_KEY", OPERATOR_KEY), ("CALLBACK_DELAY", "10")];
        let programs = Programs::new(&places.each_ref(), &more).await;
        let mut running = Vec::from(programs.services());
        running.push(programs.gateway(&places[0]).await);
        Self { programs, places, _running: running }
    }

    /// The first gateway, asked without a key.
    fn anyone(&self) -> Client {
        self.places[0].client()
    }

    /// The first gateway, asked by who runs the system.
    fn operator(&self) -> Client {
        with_key(&self.anyone(), OPERATOR_KEY)
    }

    /// A new client.
    async fn buyer(&self, name: &str) -> Holder {
        let made = done(self.operator().post("/operator/clients", &json!({ "name": name })).await);
        assert_eq!(made.json["client"]["name"], name);
        self.holder(text(&made, "/client/id"), text(&made, "/key"))
    }

    /// A new provider.
    async fn seller(&self, name: &str) -> Holder {
        let made = done(self.anyone().post("/seller/register", &json!({ "name": name })).await);
        self.holder(text(&made, "/provider/id"), text(&made, "/api_key"))
    }

    /// A new provider that offers 60 of its 100 kWh of wind.
    async fn shop(&self, name: &str) -> Shop {
        let holder = self.seller(name).await;
        let item = json!({"source_type": "WIND", "available_qty": 100});
        let item = text(&done(holder.client.post("/seller/items", &item).await), "/item/id");
        let offer = done(holder.client.post("/seller/offers", &offer_of(&item)).await);
        Shop { offer: text(&offer, "/offer/id"), item, holder }
    }

    fn holder(&self, id: String, key: String) -> Holder {
        Holder { client: with_key(&self.anyone(), &key), id, key }
    }

    /// Every row of every table but those that tell the time: whatever is changed, this is.
    async fn rows(&self) -> String {
        self.programs.tables.quiet().await;
        let tables = self.programs.tables.texts(TABLES).await;
        assert!(tables.len() > 8, "{tables:?}");
        let rows: Vec<String> = tables
            .iter()
            .map(|table| format!("SELECT '{table}' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {table} t"))
            .collect();
        self.programs.tables.texts(&rows.join(" UNION ALL ")).await.join("\n")
    }
}

/// Gateways say in their table that they live.
const TABLES: &str = "SELECT schemaname || '.' || tablename FROM pg_tables
    WHERE schemaname IN ('catalog', 'matching', 'orders') AND tablename <> 'gateways' ORDER BY 1";

fn offer_of(item: &str) -> Value {
    json!({"item_id": item, "price_per_kwh": 0.07, "max_qty": 60, "time_window": window()})
}

fn done(answer: Answer) -> Answer {
    assert_eq!((answer.status, &answer.json["status"]), (200, &json!("ok")), "{}", answer.text);
    answer
}

fn text(answer: &Answer, pointer: &str) -> String {
    let text = answer.json.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_else(|| panic!("no {pointer}: {}", answer.text)).to_owned()
}

/// Asks the buyer's and seller's side.
async fn ask(client: &Client, method: Method, path: &str, body: Option<&Value>) -> Answer {
    client.send(method, &format!("{}{path}", client.bap), body.map(|body| body.to_string().into())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trade_is_made_with_the_keys_of_a_seller_and_a_client() {
    let system = Locked::start().await;
    let (shop, buyer) = (system.shop("Gamma Wind").await, system.buyer("Mill").await);
    for (key, kind) in [(&shop.holder.key, "provider"), (&buyer.key, "client")] {
        let parts: Vec<&str> = key.split('_').collect();
        let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        assert_eq!((parts[0], parts[1], lengths[2], lengths[3]), ("p2p", kind, 16, 64));
    }
    let wish = json!({"sourceType": "WIND", "minQuantity": 20, "timeWindow": window()});
    let asked = buyer.client.post("/api/discover", &wish).await.acknowledged();
    let trade = buyer.client.trade(&text(&asked, "/transaction_id"));
    trade.status("SELECTING").await;
    let matched = trade.match_best(30).await.acknowledged();
    assert_eq!(text(&matched, "/selected_offer/id"), shop.offer);
    trade.status("INITIALIZING").await;
    trade.ask("init", json!({})).await.acknowledged();
    trade.status("CONFIRMING").await;
    let order = crate::client::order_id(&trade.bought().await);
    trade.ask("status", json!({})).await.acknowledged();

    let seller = &shop.holder;
    let sold = seller.client.get("/seller/orders").await;
    assert_eq!(text(&sold, "/orders/0/id"), order);
    let path = format!("/seller/orders/{order}/complete");
    done(ask(&seller.client, Method::POST, &path, Some(&json!({"provider_id": seller.id}))).await);
    trade.status("COMPLETED").await;
    for (path, noun) in [("providers", "providers"), ("items", "items"), ("offers", "offers")] {
        let own = seller.client.get(&format!("/seller/{path}")).await;
        assert_eq!(own.json[noun].as_array().unwrap().len(), 1, "{}", own.text);
    }

    // Neither another client nor another seller sees anything of it.
    let (other_buyer, other_seller) = (system.buyer("Baker").await, system.seller("Delta Hydro").await);
    assert_eq!(other_buyer.client.get("/api/transactions").await.json, json!({"transactions": []}));
    let own = buyer.client.get("/api/transactions").await;
    assert_eq!(text(&own, "/transactions/0/transaction_id"), trade.id);
    for noun in ["items", "offers", "orders"] {
        let none = other_seller.client.get(&format!("/seller/{noun}")).await;
        assert_eq!(none.json, json!({ noun: [] }));
    }
    // Anybody sees what is for sale.
    let catalog = system.anyone();
    let shown = catalog.send(Method::GET, &format!("{}/catalog", catalog.cds), None).await;
    assert!(shown.text.contains(&shop.offer) && shown.status == 200);
    system.programs.tables.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_would_let_anybody_in_does_not_start() {
    let place = Place::new("gateway-1");
    let mut programs = Programs::new(&[&place], &[]).await;
    let said = programs.refused("gateway", "BIND_ADDR", "0.0.0.0").await;
    assert!(said.contains("PEER_ALLOW cannot be used"), "{said}");
    let said = programs.refused("gateway", "AUTH", "keys").await;
    assert!(said.contains("OPERATOR_KEY cannot be used: AUTH=keys needs it"), "{said}");
    programs.told("AUTH", "keys");
    let short = &OPERATOR_KEY[..31];
    let said = programs.refused("gateway", "OPERATOR_KEY", short).await;
    assert!(said.contains("at least 32 characters") && !said.contains(short), "{said}");
    programs.told("AUTH", "off");
    programs.told("BIND_ADDR", "0.0.0.0");
    let said = programs.refused("gateway", "PEER_ALLOW", "127.0.0.1").await;
    assert!(said.contains("AUTH cannot be used: off lets whoever reaches 0.0.0.0 do everything"), "{said}");
}
