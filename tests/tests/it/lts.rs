//! The profile of the live network: trades between instances of ours and with participants of others, signed, and valid
//! by Beckn's own specification.

use p2p_testkit::Specification;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    client::{ALPHA, Answer, Client, Trade, until},
    receiver::{Manner, Receiver},
    signing::{NETWORK, Participant, Registry, post},
    system::{Setup, System},
};

fn specification(test: &str) -> Option<Specification> {
    let found = Specification::open();
    if found.is_none() {
        println!("{test}: skipped in part, SPEC_DIR is not set");
    }
    found
}

/// Every message that a system has sent or received is valid.
async fn all_valid(specification: Option<&Specification>, system: &System) -> Vec<String> {
    let sql = "SELECT raw_json AS text FROM orders.events ORDER BY created_at, seq";
    let texts = system.tables.texts(sql).await;
    let mut actions = Vec::new();
    for text in &texts {
        let message: Value = serde_json::from_str(text).unwrap();
        let action = message["context"]["action"].as_str().unwrap().to_owned();
        assert_eq!(message["context"]["version"], "2.0.0", "{text}");
        assert!(message["context"]["messageId"].is_string(), "not of the LTS profile: {text}");
        if let Some(specification) = specification {
            let checked = specification.check_request(&format!("/{action}"), text);
            checked.unwrap_or_else(|why| panic!("{action}: {why}\n{text}"));
        }
        actions.push(action);
    }
    actions.sort_unstable();
    actions.dedup();
    actions
}

/// A seller's instance, and a buyer's instance that asks its CDS; each with a database of its own.
struct Pair {
    buyer: System,
    seller: System,
    _registry: Registry,
}

impl Pair {
    async fn start() -> Self {
        let registry = Registry::new();
        let [bap, other_bpp] = [Participant::new("buyer.example", 1), Participant::new("unused.example", 2)];
        let [other_bap, bpp] = [Participant::new("idle.example", 3), Participant::new("seller.example", 4)];
        let mut variables = registry.variables(&other_bap, &bpp);
        variables.push(("BECKN_PROFILE", "lts".into()));
        let seller = System::with(Setup { more: variables, ..Setup::default() }).await;
        let mut variables = registry.variables(&bap, &other_bpp);
        variables.extend([("BECKN_PROFILE", "lts".into()), ("CDS_URI", seller.cds.clone())]);
        variables.extend([("OWN_URIS", "http://127.0.0.1:1".into()), ("PUBLISH", "off".into())]);
        let buyer = System::with(Setup { more: variables, ..Setup::default() }).await;
        registry.has(&[bap.registered(&buyer.bap), bpp.registered(&seller.bap)]);
        Self { buyer, seller, _registry: registry }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_the_seed_profile_buys_from_another_instance_in_signed_lts() {
    let specification = specification("a client of the seed profile");
    let Pair { buyer, seller, _registry } = Pair::start().await;
    let trade = buyer.discover().await;
    trade.status("SELECTING").await;
    trade.select(ALPHA, 30).await.acknowledged();
    trade.status("INITIALIZING").await;
    trade.ask("init", json!({})).await.acknowledged();
    let state = trade.status("CONFIRMING").await;
    assert_eq!(state["order"]["status"], "PENDING");
    // 30 kWh at 0.10.
    assert_eq!(state["order"]["quote"]["price"], json!({"value": 3, "currency": "USD"}));
    trade.ask("confirm", json!({})).await.acknowledged();
    let state = trade.status("ACTIVE").await;
    let order = state["order"]["id"].as_str().unwrap().to_owned();
    trade.ask("status", json!({})).await.acknowledged();
    assert_eq!(
        seller.tables.texts("SELECT id::text || ' ' || status AS text FROM orders.orders").await,
        [format!("{order} ACTIVE")]
    );
    assert_eq!(buyer.tables.number("SELECT count(*) FROM orders.orders").await, 0);
    until("on_status", async || {
        let sql = "SELECT count(*) FROM orders.events WHERE action = 'on_status' AND direction = 'INBOUND'";
        let heard = buyer.tables.number(sql).await;
        if heard == 1 { Ok(()) } else { Err(heard.to_string()) }
    })
    .await;
    // The seller completes it, and the buyer hears it unasked.
    let done = seller.post(&format!("/seller/orders/{order}/complete"), &json!({})).await;
    assert_eq!(done.status, 200, "{}", done.text);
    trade.status("COMPLETED").await;
    let all = [
        "confirm",
        "discover",
        "init",
        "on_confirm",
        "on_discover",
        "on_init",
        "on_select",
        "on_status",
        "select",
        "status",
    ];
    seller.tables.quiet().await;
    assert_eq!(all_valid(specification.as_ref(), &seller).await, all);
    assert_eq!(all_valid(specification.as_ref(), &buyer).await, all);
    let unsigned =
        "SELECT count(*) FROM orders.events WHERE direction = 'INBOUND' AND \"authorization\" IS NULL";
    for system in [&buyer, &seller] {
        assert_eq!(system.tables.number(unsigned).await, 0);
    }
    seller.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_given_up_across_instances() {
    let specification = specification("an order is given up");
    let Pair { buyer, seller, _registry } = Pair::start().await;
    let trade = buyer.discover().await;
    trade.status("SELECTING").await;
    trade.select(ALPHA, 7).await.acknowledged();
    trade.status("INITIALIZING").await;
    trade.ask("init", json!({})).await.acknowledged();
    trade.status("CONFIRMING").await;
    trade.ask("cancel", json!({"reason": "too dear"})).await.acknowledged();
    trade.status("CANCELLED").await;
    all_valid(specification.as_ref(), &seller).await;
    seller.is_sound().await;
    assert_eq!(seller.tables.stock(ALPHA).await, [50, 0, 0]);
}

/// A body of the specification's folder, with ids and times that are fresh, between these.
struct Body(Value);

impl Body {
    fn of(specification: &Specification, name: &str, transaction: &Uuid) -> Self {
        let text = std::fs::read_to_string(specification.folder().join("lts").join(name)).unwrap();
        let mut body: Value = serde_json::from_str(&text).unwrap();
        let now = p2p_domain::Clock::system().now().to_rfc3339();
        body["context"]["transactionId"] = transaction.to_string().into();
        body["context"]["messageId"] = Uuid::new_v4().to_string().into();
        body["context"]["timestamp"] = now.into();
        Self(body)
    }

    fn between(mut self, bap_uri: &str, bpp_uri: &str) -> Self {
        let context = &mut self.0["context"];
        if context["bapUri"].is_string() {
            context["bapUri"] = bap_uri.into();
        }
        if context["bppUri"].is_string() {
            context["bppUri"] = bpp_uri.into();
        }
        for catalog in self.0["message"]["catalogs"].as_array_mut().into_iter().flatten() {
            catalog["bppUri"] = bpp_uri.into();
        }
        self
    }

    /// Its delivery begins so many hours from now.
    fn in_hours(self, hours: i64) -> Self {
        let start = p2p_domain::Clock::system().now() + chrono::TimeDelta::hours(hours);
        let start = start.format("%Y-%m-%dT%H:00:00Z").to_string();
        let text = self.0.to_string().replace("2026-11-23T04:30:00Z", &start);
        let end = p2p_domain::Clock::system().now() + chrono::TimeDelta::hours(hours - 1);
        let end = end.format("%Y-%m-%dT%H:00:00Z").to_string();
        Self(serde_json::from_str(&text.replace("2026-11-23T00:30:00Z", &end)).unwrap())
    }

    async fn post(&self, client: &Client, base: &str) -> Answer {
        let action = self.0["context"]["action"].as_str().unwrap();
        client.send(reqwest::Method::POST, &format!("{base}/{action}"), Some(self.0.to_string().into())).await
    }

    fn id(&self) -> &str {
        self.0["context"]["messageId"].as_str().unwrap()
    }
}

fn acknowledged(answer: &Answer, body: &Body) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json, json!({"message": {"status": "ACK", "messageId": body.id()}}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bodies_of_the_network_are_accepted_and_their_callbacks_are_valid() {
    let Some(specification) = specification("the bodies of the network") else { return };
    let more = vec![("BPP_ID", "sellerapp.example.com".to_owned())];
    let system = System::with(Setup { more, ..Setup::default() }).await;
    let receiver = Receiver::start().await;
    let transaction = Uuid::new_v4();
    let mut heard = 0;
    let mut contract = Value::Null;
    for (name, callback) in [
        ("catalog_publish.json", "catalog/on_publish"),
        ("discover.json", "on_discover"),
        ("select.json", "on_select"),
        ("init.json", "on_init"),
        ("confirm.json", "on_confirm"),
        ("status.json", "on_status"),
        ("cancel.json", "on_cancel"),
    ] {
        let body = Body::of(&specification, name, &transaction).between(&receiver.uri, &system.bap);
        let mut body = body.in_hours(30);
        let base = match callback {
            "catalog/on_publish" | "on_discover" => &system.cds,
            _ => &system.bap,
        };
        if body.0["message"]["contract"]["id"].is_string() {
            body.0["message"]["contract"]["id"] = contract["id"].clone();
        }
        let answer = body.post(&system, base).await;
        acknowledged(&answer, &body);
        if callback == "catalog/on_publish" {
            // It is told to the publisher, which is this very seller's side.
            system.tables.quiet().await;
            continue;
        }
        heard += 1;
        let text = receiver.has(heard).await.pop().unwrap().body;
        let said: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(said["context"]["action"], callback, "{text}");
        assert_eq!(said["context"]["messageId"], body.id(), "{text}");
        assert_eq!(said["error"], Value::Null, "{text}");
        specification
            .check_request(&format!("/{callback}"), &text)
            .unwrap_or_else(|why| panic!("{why}\n{text}"));
        match callback {
            "on_discover" => {
                let shown = &said["message"]["catalogs"];
                let catalog =
                    shown.as_array().unwrap().iter().find(|catalog| catalog["id"] == "catalog-1").unwrap();
                let intervals = &catalog["offers"][0]["offerAttributes"]["commitmentAttributes"]["intervals"];
                assert_eq!(intervals[0]["payloads"][1]["values"], json!([30.5]), "{text}");
                assert_eq!(intervals[1]["payloads"][0]["values"], json!([14.5]), "{text}");
            }
            _ => {
                contract = said["message"]["contract"].clone();
                let amount = &contract["consideration"][0]["considerationAttributes"]["amount"];
                // 20.5 x 12.5 + 15.5 x 14.5
                assert_eq!(amount, &json!({"currency": "INR", "value": 481}), "{text}");
            }
        }
        let stage = match callback {
            "on_confirm" | "on_status" => "ACTIVE",
            "on_cancel" => "CANCELLED",
            _ => "DRAFT",
        };
        if callback != "on_discover" {
            assert_eq!(contract["status"]["code"], stage, "{text}");
        }
    }
    // (What else the tests read takes a block for a kilowatt-hour; here it is a watt-hour.)
    assert_eq!(system.violations().await, [""; 0]);
    for action in ["update", "track", "rate", "support"] {
        let mut body =
            Body::of(&specification, "status.json", &transaction).between(&receiver.uri, &system.bap);
        body.0["context"]["action"] = action.into();
        let answer = body.post(&system, &system.bap).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert_eq!(answer.json["message"]["status"], "NACK");
        assert_eq!(answer.json["message"]["error"]["code"], "NET_NOT_IMPLEMENTED");
    }
}

/// A signed select of a foreign buyer, which is accepted as it is.
struct Foreign {
    system: System,
    registry: Registry,
    buyer: Participant,
    receiver: Receiver,
}

impl Foreign {
    async fn start() -> Self {
        let registry = Registry::new();
        let [bap, bpp] = [Participant::new("own.example", 1), Participant::new("seller.example", 2)];
        let more = registry.variables(&bap, &bpp);
        let system = System::with(Setup { more, ..Setup::default() }).await;
        let (buyer, receiver) = (Participant::new("buyer.example", 3), Receiver::start().await);
        registry.has(&[
            buyer.registered(&receiver.uri),
            Participant::new("other.example", 4).registered("http://o"),
        ]);
        Self { system, registry, buyer, receiver }
    }

    fn select(&self) -> Value {
        let now = p2p_domain::Clock::system().now().to_rfc3339();
        json!({
            "context": {
                "networkId": NETWORK,
                "version": "2.0.0",
                "action": "select",
                "bapId": self.buyer.id,
                "bapUri": self.receiver.uri,
                "bppId": "seller.example",
                "bppUri": self.system.bap,
                "transactionId": Uuid::new_v4().to_string(),
                "messageId": Uuid::new_v4().to_string(),
                "timestamp": now,
                "ttl": "PT30S",
            },
            "message": {"contract": {"commitments": [{
                "status": {"descriptor": {"code": "DRAFT"}},
                "resources": [{"id": "item-solar-001", "quantity": {"unitCode": "KWH", "unitQuantity": 3}}],
                "offer": {"id": ALPHA, "resourceIds": ["item-solar-001"]},
            }]}},
        })
    }

    fn url(&self) -> String {
        format!("{}/select", self.system.bap)
    }
}

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.json["message"]["status"], "NACK", "{}", answer.text);
    assert_eq!(answer.json["message"]["error"]["code"], code, "{}", answer.text);
    assert_eq!(answer.headers.contains_key("www-authenticate"), status == 401, "{:?}", answer.headers);
    assert!(answer.headers.contains_key("signature"), "{:?}", answer.headers);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_signed_as_it_must_be_is_refused_and_nothing_is_done() {
    let foreign = Foreign::start().await;
    let (system, url, buyer) = (&foreign.system, foreign.url(), &foreign.buyer);
    let select = foreign.select();
    let body = select.to_string();
    let header = buyer.signs(&body, 0);
    let sent = async |body: &str, header: &str| post(system, &url, body, header).await;

    let unsigned = system.send(reqwest::Method::POST, &url, Some(body.clone().into())).await;
    refused(&unsigned, 401, "AUT_SIGNATURE_MISSING");
    let pretty = serde_json::to_string_pretty(&select).unwrap();
    refused(&sent(&pretty, &header).await, 401, "AUT_SIGNATURE_INVALID");
    refused(&sent(&body, &buyer.signs(&body, 61)).await, 401, "AUT_SIGNATURE_INVALID");
    refused(&sent(&body, &buyer.signs(&body, -30)).await, 401, "AUT_SIGNATURE_INVALID");
    let other = Participant::new("other.example", 4);
    refused(&sent(&body, &other.signs(&body, 0)).await, 401, "AUT_UNAUTHORIZED_ACTION");
    let forged = Participant::new("buyer.example", 4);
    refused(&sent(&body, &forged.signs(&body, 0)).await, 401, "AUT_SIGNATURE_INVALID");
    let nobody = Participant::new("nobody.example", 5);
    refused(&sent(&body, &nobody.signs(&body, 0)).await, 401, "AUT_SUBSCRIBER_NOT_FOUND");
    refused(&sent(&body, &header.replace("ed25519\"", "xed25519\"")).await, 401, "AUT_SIGNATURE_INVALID");
    refused(&post(system, &format!("{}/init", system.bap), &body, &header).await, 400, "CTX_ACTION_MISMATCH");

    let signed = async |change: fn(&mut Value)| {
        let mut changed = foreign.select();
        change(&mut changed["context"]);
        buyer.post(system, &url, &changed.to_string()).await
    };
    refused(
        &signed(|context| context["bapUri"] = "http://127.0.0.1:1".into()).await,
        400,
        "CTX_INVALID_FIELD",
    );
    refused(
        &signed(|context| context["bppUri"] = "http://127.0.0.1:1".into()).await,
        400,
        "CTX_INVALID_BPP_URI",
    );
    refused(&signed(|context| context["bppId"] = "other.example".into()).await, 400, "CTX_INVALID_FIELD");
    refused(
        &signed(|context| context["networkId"] = "other/network".into()).await,
        401,
        "AUT_DOMAIN_NOT_ALLOWED",
    );
    refused(&signed(|context| context["messageId"] = "m-1".into()).await, 400, "CTX_INVALID_FIELD");
    refused(
        &signed(|context| drop(context.as_object_mut().unwrap().remove("ttl"))).await,
        400,
        "CTX_MISSING_FIELD",
    );
    let old = |context: &mut Value| context["timestamp"] = "2026-11-22T00:00:00Z".into();
    refused(&signed(old).await, 400, "CTX_TTL_EXPIRED");
    let ahead = |context: &mut Value| context["timestamp"] = "2126-11-22T00:00:00Z".into();
    refused(&signed(ahead).await, 400, "CTX_INVALID_FIELD");
    assert_eq!(system.tables.number("SELECT count(*) FROM orders.events").await, 0);

    // As it should be; then once more, under the same signature and under a new one.
    let accepted = sent(&body, &header).await;
    assert_eq!(
        (accepted.status, &accepted.json["message"]["status"]),
        (200, &"ACK".into()),
        "{}",
        accepted.text
    );
    refused(&sent(&body, &header).await, 401, "AUT_REPLAY_DETECTED");
    let again = sent(&body, &buyer.signs(&body, 20)).await;
    assert_eq!((again.status, &again.text), (200, &accepted.text));
    foreign.receiver.has(1).await;
    system.tables.quiet().await;
    assert_eq!(foreign.receiver.bodies().len(), 1);

    foreign.registry.has(&[]);
    // Our own keys need no registry; the buyer's is gone within a second.
    until("the registry's file is read again", async || {
        let select = foreign.select().to_string();
        let answer = buyer.post(system, &url, &select).await;
        if answer.json["message"]["error"]["code"] == "AUT_SUBSCRIBER_NOT_FOUND" {
            Ok(())
        } else {
            Err(answer.text)
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trade_within_one_instance_is_signed_in_the_seed_profile_as_well() {
    let registry = Registry::new();
    let [bap, bpp] = [Participant::new("own.example", 1), Participant::new("seller.example", 2)];
    let system = System::with(Setup { more: registry.variables(&bap, &bpp), ..Setup::default() }).await;
    let trade: Trade = system.discover().await;
    trade.status("SELECTING").await;
    trade.select(ALPHA, 7).await.acknowledged();
    trade.status("INITIALIZING").await;
    trade.ask("init", json!({})).await.acknowledged();
    trade.status("CONFIRMING").await;
    trade.ask("confirm", json!({})).await.acknowledged();
    trade.status("ACTIVE").await;
    let unsigned =
        "SELECT count(*) FROM orders.events WHERE direction = 'INBOUND' AND \"authorization\" IS NULL";
    assert_eq!(system.tables.number(unsigned).await, 0);
    system.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_the_registry_takes_no_ones_place() {
    let registry = Registry::new();
    let silent = Receiver::answering([], Manner::Silent).await;
    let [bap, bpp] = [Participant::new("own.example", 1), Participant::new("seller.example", 2)];
    let mut more = registry.variables(&bap, &bpp);
    more.extend([("REGISTRY_TYPE", "dedi".into()), ("REGISTRY_URL", silent.uri.clone())]);
    // Two actions at once, and one that waits.
    let at_once = ["1000", "2", "1000", "1000", "1"];
    let system = System::with(Setup { more, at_once, ..Setup::default() }).await;
    let strangers = (0..10).map(|n| {
        let stranger =
            Participant::new(["a.example", "b.example", "c.example", "d.example", "e.example"][n % 5], 9);
        let client = system.client.clone();
        tokio::spawn(async move {
            let body = json!({"n": n}).to_string();
            stranger.post(&client, &format!("{}/select", client.bap), &body).await.status
        })
    });
    let strangers: Vec<_> = strangers.collect();
    silent.has(5).await;
    // Our own keys need no registry.
    let trade: Trade = system.discover().await;
    trade.status("SELECTING").await;
    trade.select(ALPHA, 7).await.acknowledged();
    trade.status("INITIALIZING").await;
    for stranger in strangers {
        assert_eq!(stranger.await.unwrap(), 503, "nobody can tell who it is");
    }
}

/// A catalog of so many kWh at 10:00 and 11:00 of the day after tomorrow.
fn publication(seller: &str, uri: &str, provider: &str, kwh: [f64; 2]) -> Value {
    let day = p2p_domain::Clock::system().now() + chrono::TimeDelta::days(2);
    let interval = |(id, kwh): (usize, &f64)| {
        json!({"id": id, "payloads": [
            {"type": "PRICE_PER_KWH", "values": [5]}, {"type": "AVAILABLE_QTY", "values": [kwh]},
        ]})
    };
    let intervals: Vec<Value> = kwh.iter().enumerate().map(interval).collect();
    json!({
        "context": {
            "networkId": NETWORK,
            "version": "2.0.0",
            "action": "catalog/publish",
            "bppId": seller,
            "bppUri": uri,
            "transactionId": Uuid::new_v4().to_string(),
            "messageId": Uuid::new_v4().to_string(),
            "timestamp": p2p_domain::Clock::system().now().to_rfc3339(),
            "ttl": "PT30S",
        },
        "message": {"catalogs": [{
            "id": "catalog-9",
            "descriptor": {"name": "Nine"},
            "provider": {"id": provider, "descriptor": {"name": "Nine"}},
            "resources": [{"id": "resource-9", "resourceAttributes": {"type": "WIND", "id": "METER_9"}}],
            "offers": [{
                "id": "offer-9",
                "resourceIds": ["resource-9"],
                "offerAttributes": {"commitmentAttributes": {
                    "intervalPeriod": {"start": day.format("%Y-%m-%dT10:00:00Z").to_string(), "duration": "PT1H"},
                    "payloadDescriptors": [{"payloadType": "PRICE_PER_KWH", "currency": "INR"}],
                    "intervals": intervals,
                }},
            }],
        }]},
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalog_is_published_by_whose_it_is_and_as_often_as_it_changes() {
    let registry = Registry::new();
    let [bap, bpp] = [Participant::new("own.example", 1), Participant::new("own-bpp.example", 2)];
    let system = System::with(Setup { more: registry.variables(&bap, &bpp), ..Setup::default() }).await;
    let [seller, other] = [Participant::new("nine.example", 3), Participant::new("ten.example", 4)];
    let [receiver, elsewhere] = [Receiver::start().await, Receiver::start().await];
    registry.has(&[seller.registered(&receiver.uri), other.registered(&elsewhere.uri)]);
    let url = format!("{}/catalog/publish", system.cds);
    let results = async |by: &Participant, at: &Receiver, message: &Value, nth: usize| {
        let answer = by.post(&system, &url, &message.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let heard: Value = serde_json::from_str(&at.has(nth).await.pop().unwrap().body).unwrap();
        assert_eq!(heard["context"]["action"], "catalog/on_publish");
        assert_eq!(heard["context"]["messageId"], message["context"]["messageId"]);
        heard["message"]["results"][0].clone()
    };
    let listed = async || {
        let catalog = system.send(reqwest::Method::GET, &format!("{}/catalog", system.cds), None).await.json;
        let providers = catalog["catalog"]["providers"].as_array().unwrap().clone();
        let offers = providers.iter().filter(|provider| provider["id"] == "provider-9");
        let offers = offers.flat_map(|provider| provider["items"][0]["offers"].as_array().unwrap().clone());
        let mut shown: Vec<String> = offers
            .map(|offer| format!("{} {} {}", offer["id"], offer["maxQuantity"], offer["profile"]))
            .collect();
        shown.sort();
        shown
    };
    let first = publication("nine.example", &receiver.uri, "provider-9", [30.5, 7.0]);
    let said = results(&seller, &receiver, &first, 1).await;
    assert_eq!((&said["status"], &said["stats"]["itemCount"]), (&json!("ACCEPTED"), &json!(2)), "{said}");
    let both = [r#""offer-9#0" 30.5 "lts""#, r#""offer-9#1" 7 "lts""#];
    assert_eq!(listed().await, both);

    // What it has no more is off sale, and may come again.
    let second = publication("nine.example", &receiver.uri, "provider-9", [12.0, 0.0]);
    assert_eq!(results(&seller, &receiver, &second, 2).await["status"], "ACCEPTED");
    assert_eq!(listed().await, [r#""offer-9#0" 12 "lts""#]);
    let third = publication("nine.example", &receiver.uri, "provider-9", [30.5, 7.0]);
    assert_eq!(results(&seller, &receiver, &third, 3).await["status"], "ACCEPTED");
    assert_eq!(listed().await, both);

    // Another's provider, and one of our own sellers.
    for (nth, provider) in ["provider-9", "provider-solar-alpha"].into_iter().enumerate() {
        let message = publication("ten.example", &elsewhere.uri, provider, [1.0, 1.0]);
        let said = results(&other, &elsewhere, &message, nth + 1).await;
        assert_eq!(said["status"], "REJECTED", "{said}");
    }
    // In another's name.
    let message = publication("nine.example", &receiver.uri, "provider-9", [1.0, 1.0]).to_string();
    refused(&other.post(&system, &url, &message).await, 401, "AUT_UNAUTHORIZED_ACTION");
    let unsigned = system.send(reqwest::Method::POST, &url, Some(message.into())).await;
    refused(&unsigned, 401, "AUT_SIGNATURE_MISSING");
    assert_eq!(listed().await, both);
    assert_eq!(system.violations().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_published_is_sold_for_the_hour_that_is_asked_for_and_confirmed_as_it_was_ordered() {
    let Some(specification) = specification("what was published") else { return };
    let more = vec![("BPP_ID", "sellerapp.example.com".to_owned())];
    let system = System::with(Setup { more, ..Setup::default() }).await;
    let receiver = Receiver::start().await;
    let transaction = Uuid::new_v4();
    let body = |name: &str| {
        let body = Body::of(&specification, name, &transaction).between(&receiver.uri, &system.bap);
        body.in_hours(30)
    };
    let publication = body("catalog_publish.json");
    acknowledged(&publication.post(&system, &system.cds).await, &publication);
    let commitment =
        |body: &mut Body| body.0["message"]["contract"]["commitments"][0].as_object_mut().unwrap().clone();
    let no_callback = async |mut body: Body, change: fn(&mut Value), code: &str| {
        let mut changed = Value::from(commitment(&mut body));
        change(&mut changed);
        body.0["message"]["contract"]["commitments"][0] = changed;
        let answer = body.post(&system, &system.bap).await;
        assert_eq!(
            (answer.status, &answer.json["message"]["status"]),
            (202, &json!("NACK")),
            "{}",
            answer.text
        );
        assert_eq!(answer.json["message"]["error"]["code"], code, "{}", answer.text);
    };
    let later = |commitment: &mut Value| {
        let period = &mut commitment["commitmentAttributes"]["intervalPeriod"];
        let start: chrono::DateTime<chrono::Utc> = period["start"].as_str().unwrap().parse().unwrap();
        period["start"] = (start + chrono::TimeDelta::hours(1)).to_rfc3339().into();
    };
    let longer = |commitment: &mut Value| {
        commitment["commitmentAttributes"]["intervalPeriod"]["duration"] = "PT2H".into()
    };
    let another = |commitment: &mut Value| commitment["offer"]["id"] = "offer-none".into();
    for name in ["select.json", "init.json"] {
        no_callback(body(name), later, "SCH_INVALID_FORMAT").await;
        no_callback(body(name), longer, "SCH_INVALID_FORMAT").await;
        no_callback(body(name), another, "BIZ_OFFER_NOT_FOUND").await;
    }
    let init = body("init.json");
    acknowledged(&init.post(&system, &system.bap).await, &init);
    receiver.has(1).await;
    no_callback(body("confirm.json"), later, "BIZ_PRICE_MISMATCH").await;
    no_callback(body("confirm.json"), another, "BIZ_PRICE_MISMATCH").await;
    let cheaper = |commitment: &mut Value| {
        commitment["commitmentAttributes"]["intervals"][0]["payloads"][0]["values"] = json!([12.4]);
    };
    no_callback(body("confirm.json"), cheaper, "BIZ_PRICE_MISMATCH").await;
    let less = |commitment: &mut Value| {
        commitment["commitmentAttributes"]["intervals"][0]["payloads"][1]["values"] = json!([20]);
    };
    no_callback(body("confirm.json"), less, "BIZ_PRICE_MISMATCH").await;
    let confirm = body("confirm.json");
    acknowledged(&confirm.post(&system, &system.bap).await, &confirm);
    receiver.has(2).await;
    assert_eq!(system.tables.texts("SELECT status AS text FROM orders.orders").await, ["ACTIVE"]);
    assert_eq!(system.violations().await, [""; 0]);
}
