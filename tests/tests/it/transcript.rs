//! The requests of the transcript's sections 2 and 3, and what is worse: each is answered below 500 with JSON, as
//! design.md section 6 says, and the programs live on.

use reqwest::Method;
use serde_json::{Value, json};

use p2p_system_tests::shape::differing;

use crate::{
    beckn::{self, Message},
    client::{ALPHA, ALPHA_PROVIDER, BETA, Trade, window},
    system::System,
};

const NO_MATCH: &str = "No offers match the criteria (time window, quantity, or trust threshold)";
const NO_CHOICE: &str = "Either offer_id or autoMatch with requestedTimeWindow is required";
const NOT_SELECTED: &str = "No offer selected. Run select first.";
const NOT_FOUND: &str = "Transaction not found";
const NO_CATALOG: &str = "No catalog found for transaction. Run discover first.";

fn error(text: &str) -> Value {
    json!({ "error": text })
}

fn nack(code: &str, message: &str) -> Value {
    json!({"ack": {"ack_status": "NACK", "error": {"code": code, "message": message}}})
}

/// Sends to the buyer's and seller's side; the answer has this status and at least these values.
async fn says(system: &System, path: &str, body: &Value, status: u16, wanted: &Value) {
    let answer = system.post(path, body).await;
    let lines = differing(wanted, &answer.json);
    assert!(answer.status == status && lines.is_empty(), "{path} {body}: {} {lines:#?}", answer.status);
}

async fn refusals_of_an_unknown_transaction(system: &System) {
    let unknown = system.get("/api/transactions/nope").await;
    assert_eq!((unknown.status, unknown.said()), (404, error(NOT_FOUND)));
    assert_eq!(system.get("/api/transactions/nope/events").await.status, 404);
    for (action, body, why) in [
        ("select", json!({"transaction_id": "nope", "quantity": 1, "autoMatch": true}), NO_CATALOG),
        ("select", json!({"quantity": 1}), NO_CATALOG),
        ("init", json!({"transaction_id": "nope"}), NOT_SELECTED),
        ("init", json!({}), NOT_SELECTED),
        ("confirm", json!({"transaction_id": "nope"}), NOT_FOUND),
        ("confirm", json!({"transaction_id": "nope", "order_id": "x"}), NOT_FOUND),
        ("confirm", json!({}), NOT_FOUND),
        ("status", json!({"transaction_id": "nope"}), NOT_FOUND),
        ("status", json!({}), NOT_FOUND),
    ] {
        says(system, &format!("/api/{action}"), &body, 400, &error(why)).await;
    }
}

async fn refusals_of_a_known_one(trade: &Trade) {
    let no_order = "No order ID available. Run init first or provide order_id.";
    let past = json!({"startTime": "2020-01-01T00:00:00Z", "endTime": "2020-01-01T01:00:00Z"});
    for (action, body, wanted) in [
        ("init", json!({}), error(NOT_SELECTED)),
        ("confirm", json!({}), error(no_order)),
        ("select", json!({"quantity": 1}), error(NO_CHOICE)),
        ("select", json!({"quantity": 1, "autoMatch": true}), error(NO_CHOICE)),
        (
            "select",
            json!({"quantity": 1, "offer_id": "offer-none"}),
            error("Offer offer-none not found in catalog"),
        ),
        (
            "select",
            json!({"quantity": 10000, "autoMatch": true, "requestedTimeWindow": window()}),
            json!({"error": NO_MATCH, "allOffers": 0}),
        ),
        (
            "select",
            json!({"quantity": 1, "autoMatch": true, "requestedTimeWindow": past}),
            json!({"error": NO_MATCH, "allOffers": 0}),
        ),
    ] {
        let answer = trade.ask(action, body.clone()).await;
        assert_eq!((answer.status, answer.said()), (400, wanted), "{action} {body}");
    }
    let before = trade.ask("status", json!({})).await;
    assert_eq!(before.json["status"], "ok");
    assert_eq!(before.refused(), ("40403", "Order not found"));
    assert_eq!(before.json["ack"]["context"]["bpp_id"], "bpp.p2p-trading.local");
    let unknown = trade.ask("confirm", json!({"order_id": "nope"})).await;
    assert_eq!(unknown.refused(), ("40403", "Order nope not found"));

    let too_much = trade.select(ALPHA, 500).await;
    let why = "Requested quantity 500 exceeds available blocks 50; Requested quantity 500 exceeds item available 100";
    assert_eq!(too_much.refused(), ("40001", why));
    assert_eq!(too_much.json["selected_offer"]["quantity"], 500);
    let after = trade.ask("init", json!({})).await;
    assert_eq!((after.status, after.error()), (400, NOT_SELECTED));
    assert_eq!(trade.state().await["status"], "SELECTING");
}

#[tokio::test]
async fn the_buyers_side_refuses_what_cannot_be_done() {
    let system = System::start().await;
    refusals_of_an_unknown_transaction(&system).await;
    let answer = system.post("/api/discover", &json!({})).await.acknowledged();
    let trade = system.trade(answer.json["transaction_id"].as_str().unwrap());
    let state = trade.status("SELECTING").await;
    assert_eq!(state["discoveryCriteria"], json!({}));
    assert_eq!(state["catalog"]["providers"].as_array().unwrap().len(), 2);
    refusals_of_a_known_one(&trade).await;
    a_trade_works(&system).await;
}

#[tokio::test]
async fn a_discovery_that_finds_nothing_leaves_an_empty_catalog() {
    let system = System::start().await;
    let hydro = json!({"sourceType": "HYDRO", "minQuantity": 1});
    let answer = system.post("/api/discover", &hydro).await.acknowledged();
    let trade = system.trade(answer.json["transaction_id"].as_str().unwrap());
    let state = trade.status("SELECTING").await;
    assert_eq!(state["discoveryCriteria"], hydro);
    assert_eq!(state["catalog"], json!({"providers": []}));
    assert_eq!((&state["providers"], &state["matchingResults"]), (&json!({}), &Value::Null));
    assert!(state.as_object().unwrap().contains_key("matchingResults"));
}

#[tokio::test]
async fn a_discovery_under_a_known_id_begins_anew() {
    let system = System::start().await;
    let trade = system.trade("my-own-id-1");
    trade.ask("discover", json!({"sourceType": "SOLAR"})).await.acknowledged();
    let first = trade.status("SELECTING").await;
    trade.select(ALPHA, 5).await.acknowledged();
    trade.status("INITIALIZING").await;
    let again = trade.ask("discover", json!({"sourceType": "SOLAR", "minQuantity": 1})).await.acknowledged();
    assert_eq!(again.json["transaction_id"], "my-own-id-1");
    let state = trade.state_where("a new catalog", |s| s["status"] == "SELECTING").await;
    assert_eq!(state["discoveryCriteria"], json!({"sourceType": "SOLAR", "minQuantity": 1}));
    assert_eq!(state["selectedOffer"], Value::Null);
    assert!(state["created_at"].as_str() > first["created_at"].as_str());
    assert_eq!(trade.ask("init", json!({})).await.error(), NOT_SELECTED);
}

#[tokio::test]
async fn the_sellers_side_answers_as_the_transcript_has_it() {
    let system = System::start().await;
    let new = |action: &str, message: Value| Message::new(&system, action, "t-1", message);
    let too_much = "Requested quantity 500 exceeds available blocks 50; Requested quantity 500 exceeds item available 100";
    for (message, wanted) in [
        (new("select", beckn::select("offer-none", &json!(1))), nack("40001", "Offer offer-none not found")),
        (new("init", beckn::init("offer-none", &json!(1))), nack("40001", "Offer offer-none not found")),
        (new("select", beckn::select(ALPHA, &json!(500))), nack("40001", too_much)),
        (new("init", beckn::init(ALPHA, &json!(500))), nack("40001", too_much)),
        (new("confirm", json!({"order": {"id": "nope"}})), nack("40403", "Order nope not found")),
        (new("status", json!({"order_id": "nope"})), nack("40403", "Order not found")),
        (new("select", beckn::select(ALPHA, &json!(1))), json!({"ack": {"ack_status": "ACK"}})),
    ] {
        let path = format!("/{}", message.0["context"]["action"].as_str().unwrap());
        says(&system, &path, &message.0, 200, &wanted).await;
        says(&system, &path, &message.0, 200, &json!({"context": message.0["context"]})).await;
    }
    system.tables.is_sound().await;
    a_trade_works(&system).await;
}

#[tokio::test]
async fn a_discover_sent_to_the_cds_makes_a_transaction() {
    let system = System::start().await;
    let filters = json!({"type": "jsonpath", "expression": "sourceType='SOLAR' && availableQuantity>=60"});
    let discover = Message::new(&system, "discover", "t-2", json!({"intent": {}, "filters": filters}));
    let url = format!("{}/discover", system.cds);
    let answer = system.send(Method::POST, &url, Some(discover.text().into())).await;
    assert!(answer.is_acknowledged(), "{}", answer.text);
    assert_eq!(answer.json["context"], discover.0["context"]);
    let path = "/api/transactions/t-2";
    let state = crate::client::until("t-2", async || {
        let answer = system.get(path).await;
        if answer.status == 200 { Ok(answer.json) } else { Err(answer.text) }
    })
    .await;
    assert_eq!((&state["status"], &state["matchingResults"]), (&json!("SELECTING"), &Value::Null));
    assert!(!state.as_object().unwrap().contains_key("discoveryCriteria"));
    let providers = state["catalog"]["providers"].as_array().unwrap();
    assert_eq!(providers.len(), 1);
    assert_eq!(providers[0]["items"][0]["offers"][0]["id"], BETA);
}

/// Bodies that are no message of any kind.
fn rubbish() -> Vec<Vec<u8>> {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_object = format!(r#"{{"context":{}1{}}}"#, r#"{"a":"#.repeat(5_000), "}".repeat(5_000));
    let mut bodies: Vec<Vec<u8>> = [
        r#"{"sourceType":"#,
        r#""x""#,
        "[]",
        "null",
        "7",
        "1e400",
        "not json",
        "\u{feff}{}",
        r#"{"transaction_id":7,"quantity":1,"minQuantity":"x"}"#,
        r#"{"transaction_id":"","sourceType":"\u0000"}"#,
        r#"{"timeWindow":{"startTime":"x","endTime":"y"},"requestedTimeWindow":"x","transaction_id":[1]}"#,
        &deep,
        &deep_object,
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    bodies.push(vec![0xff, 0xfe, 0x00]);
    bodies.push(vec![b' '; 300 * 1024]);
    bodies
}

/// JSON objects that say nothing.
fn empty() -> Vec<Vec<u8>> {
    let texts = [
        "{}",
        r#"{"context":null}"#,
        r#"{"context":{}}"#,
        r#"{"context":[],"message":{}}"#,
        r#"{"context":"x","message":"y"}"#,
    ];
    texts.map(|text| text.as_bytes().to_vec()).into()
}

#[tokio::test]
async fn rubbish_is_refused_everywhere_and_a_trade_works_afterwards() {
    let system = System::start().await;
    let mut urls: Vec<String> = ["select", "init", "confirm", "status"]
        .into_iter()
        .flat_map(|action| {
            ["/api/", "/", "/callbacks/on_"].map(|path| format!("{}{path}{action}", system.bap))
        })
        .collect();
    urls.push(format!("{}/api/discover", system.bap));
    urls.push(format!("{}/callbacks/on_discover", system.bap));
    urls.push(format!("{}/discover", system.cds));
    let sellers = ["register", "items", "offers", "orders/x/complete", "orders/x/cancel"];
    urls.extend(sellers.map(|path| format!("{}/seller/{path}", system.bap)));
    urls.extend(["provider", "item", "offer", "blocks"].map(|noun| format!("{}/sync/{noun}", system.cds)));
    for url in &urls {
        // To the buyer's own client {} with a stranger's fields is an empty wish.
        let bodies = if url.ends_with("/api/discover") { rubbish() } else { [rubbish(), empty()].concat() };
        for body in bodies {
            let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            let answer = system.send(Method::POST, url, Some(body)).await;
            let told = answer.json.get("error").or(answer.json.pointer("/ack/error"));
            assert!(
                (400..500).contains(&answer.status) && told.is_some(),
                "{url} {shown}: {} {}",
                answer.status,
                answer.text
            );
        }
    }
    let is_beckn = |url: &&String| {
        ["/api/", "/callbacks/", "/seller/", "/sync/"].iter().all(|folder| !url.contains(folder))
    };
    for url in urls.iter().filter(is_beckn) {
        for body in empty() {
            let answer = system.send(Method::POST, url, Some(body)).await;
            let told = (answer.status, answer.verdict(), &answer.json["ack"]["error"]["code"]);
            assert_eq!(told, (400, "NACK", &json!("40001")), "{url} {}", answer.text);
        }
    }
    system.tables.is_sound().await;
    a_trade_works(&system).await;
}

#[tokio::test]
async fn a_message_for_another_path_or_without_an_id_is_refused() {
    let system = System::start().await;
    let select = Message::new(&system, "select", "t-1", beckn::select(ALPHA, &json!(1)));
    let answer = system.post("/init", &select.0).await;
    assert_eq!((answer.status, &answer.json["context"]), (400, &select.0["context"]));
    assert_eq!(answer.json["ack"]["error"]["code"], "40001");
    for name in ["message_id", "transaction_id", "bap_id", "bap_uri", "action"] {
        let mut message = select.clone();
        message.0["context"].as_object_mut().unwrap().remove(name);
        let answer = system.post("/select", &message.0).await;
        assert_eq!((answer.status, answer.verdict()), (400, "NACK"), "{name}: {}", answer.text);
    }
    for (name, value) in
        [("message_id", ""), ("transaction_id", "a\u{0}b"), ("bap_id", "\u{e9}"), ("ttl", "soon")]
    {
        let answer = system.post("/select", &select.clone().with(name, value).0).await;
        assert_eq!((answer.status, answer.verdict()), (400, "NACK"), "{name}: {}", answer.text);
    }
    for message in [
        beckn::select("a\u{0}b", &json!(1)),
        json!({"orderItems": [{"item_id": "\u{0}", "offer_id": ALPHA, "quantity": 1}]}),
        json!({"orderItems": []}),
        json!({}),
        json!("x"),
    ] {
        let answer = system.post("/select", &Message::new(&system, "select", "t-1", message.clone()).0).await;
        assert_eq!(answer.verdict(), "NACK", "{message}: {}", answer.text);
        assert!(answer.status < 500, "{message}: {}", answer.text);
    }
    for id in ["\u{0}", "", "'; DROP TABLE orders.orders", "\u{1F31E}", &"x".repeat(100_000)] {
        for (action, said) in [("confirm", json!({"order": {"id": id}})), ("status", json!({"order_id": id}))]
        {
            let message = Message::new(&system, action, "t-1", said);
            let answer = system.post(&format!("/{action}"), &message.0).await;
            assert_eq!(answer.verdict(), "NACK");
            assert!(answer.status < 500, "{action} {}", answer.text);
        }
    }
    a_trade_works(&system).await;
}

#[tokio::test]
async fn unknown_paths_and_methods_are_answered_in_json() {
    let system = System::start().await;
    for base in [&system.bap, &system.cds] {
        for path in ["/nothing", "/api/nothing", "/", "/callbacks/on_nothing", "/%00", "//"] {
            for method in [Method::GET, Method::POST, Method::DELETE] {
                let answer = system.send(method, &format!("{base}{path}"), None).await;
                assert_eq!(answer.status, 404, "{path} {}", answer.text);
                assert!(answer.error().starts_with("Cannot "), "{}", answer.text);
            }
        }
    }
    for (method, url) in [
        (Method::GET, format!("{}/api/discover", system.bap)),
        (Method::GET, format!("{}/select", system.bap)),
        (Method::DELETE, format!("{}/callbacks/on_init", system.bap)),
        (Method::POST, format!("{}/api/transactions", system.bap)),
        (Method::POST, format!("{}/health", system.bap)),
        (Method::GET, format!("{}/seller/register", system.bap)),
        (Method::POST, format!("{}/seller/orders", system.bap)),
        (Method::GET, format!("{}/seller/offers/x", system.bap)),
        (Method::GET, format!("{}/sync/blocks", system.cds)),
        (Method::GET, format!("{}/discover", system.cds)),
        (Method::POST, format!("{}/catalog", system.cds)),
    ] {
        let answer = system.send(method, &url, None).await;
        assert_eq!(answer.status, 405, "{url} {}", answer.text);
    }
    let long = "x".repeat(300);
    for path in ["%FF", "%00", "%E2%82%AC", &long] {
        let answer = system.get(&format!("/api/transactions/{path}")).await;
        assert!((400..500).contains(&answer.status), "{path} {}", answer.text);
        let answer = system.get(&format!("/api/transactions/{path}/events")).await;
        assert!((400..500).contains(&answer.status), "{path} {}", answer.text);
    }
    for query in ["limit=0", "limit=x", "limit=1001", "limit=-1", "cursor=%00", "cursor=rubbish"] {
        let answer = system.get(&format!("/api/transactions?{query}")).await;
        assert_eq!(answer.status, 400, "{query} {}", answer.text);
        let answer = system.send(Method::GET, &format!("{}/catalog?{query}", system.cds), None).await;
        assert_eq!(answer.status, 400, "catalog {query} {}", answer.text);
    }
    a_trade_works(&system).await;
}

/// One kWh of Alpha's, from discover to ACTIVE.
async fn a_trade_works(system: &System) {
    let trade = system.discover().await;
    trade.ordered(ALPHA, 1).await;
    let state = trade.bought().await;
    assert_eq!(state["order"]["items"][0]["provider_id"], ALPHA_PROVIDER);
    system.tables.is_sound().await;
}
