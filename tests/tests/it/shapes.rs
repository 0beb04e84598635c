//! What a client that was written for the reference implementation relies on (shared/spec/transcript.md), in our
//! own values: nothing missing, no type changed, additions allowed.

use reqwest::Method;
use serde_json::{Value, json};

use p2p_system_tests::shape::missing;

use crate::{
    beckn::Message,
    client::{ALPHA, Answer, BETA, Trade},
    system::{Setup, System},
};

const MS: &str = "2027-02-03T04:05:06.007Z";
const S: &str = "2027-02-03T04:05:06Z";

fn looks_like(what: &str, wanted: &Value, found: &Value) {
    let lines = missing(wanted, found);
    assert!(lines.is_empty(), "{what}: {lines:#?}\nin {found:#}");
}

fn with(mut value: Value, more: Value) -> Value {
    let more = more.as_object().unwrap().clone();
    value.as_object_mut().unwrap().extend(more);
    value
}

/// Of a message to nobody in particular: discover and on_discover.
fn context() -> Value {
    json!({
        "domain": "energy:trading:p2p", "version": "2.0.0", "action": "a", "timestamp": MS, "message_id": "m",
        "transaction_id": "t", "bap_id": "b", "bap_uri": "http://b", "ttl": "PT30S",
    })
}

/// Of a message between a buyer and a seller.
fn sellers_context() -> Value {
    with(context(), json!({"bpp_id": "p", "bpp_uri": "http://p"}))
}

fn ack(context: Value) -> Value {
    json!({"context": context, "ack": {"ack_status": "ACK", "timestamp": MS}})
}

fn nack(context: Value) -> Value {
    let error = json!({"code": "1", "message": "m"});
    json!({"context": context, "ack": {"ack_status": "NACK", "timestamp": MS, "error": error}})
}

fn asked(ack: Value) -> Value {
    json!({"status": "ok", "transaction_id": "t", "message_id": "m", "ack": ack})
}

fn price() -> Value {
    json!({"value": 0.5, "currency": "EUR"})
}

fn millis() -> Value {
    json!({"startTime": MS, "endTime": MS})
}

fn offer() -> Value {
    json!({
        "id": "o", "item_id": "i", "provider_id": "p",
        "offerAttributes": {"pricingModel": "x", "settlementType": "y"},
        "price": price(), "maxQuantity": 3, "timeWindow": millis(),
    })
}

fn catalog() -> Value {
    let attributes = json!({
        "sourceType": "x", "deliveryMode": "y", "meterId": "z", "availableQuantity": 9,
        "productionWindow": [millis()],
    });
    let item = json!({"id": "i", "provider_id": "p", "itemAttributes": attributes, "offers": [offer()]});
    json!({"providers": [{"id": "p", "descriptor": {"name": "n"}, "items": [item]}]})
}

fn breakdown() -> Value {
    json!({"priceScore": 1, "trustScore": 0.5, "timeWindowFitScore": 0.5})
}

fn provider() -> Value {
    json!({"id": "p", "name": "n", "trust_score": 0.5, "total_orders": 1, "successful_orders": 1})
}

fn matches() -> Value {
    let one = json!({"offer": offer(), "provider": provider(), "score": 0.5, "breakdown": breakdown()});
    json!({"selectedOffer": one, "allOffers": [one]})
}

fn quote() -> Value {
    json!({"price": price(), "totalQuantity": 3})
}

fn order() -> Value {
    let line = json!({
        "item_id": "i", "offer_id": "o", "provider_id": "p", "quantity": 3, "price": price(), "timeWindow": millis(),
    });
    json!({
        "id": "x", "transaction_id": "t", "status": "s", "items": [line], "quote": quote(), "created_at": MS,
        "updated_at": MS,
    })
}

fn state_in(status: &str) -> Value {
    let mut state = json!({
        "transaction_id": "t", "status": "s", "created_at": MS, "updated_at": MS,
        "discoveryCriteria": {
            "sourceType": "x", "deliveryMode": "y", "minQuantity": 3, "timeWindow": {"startTime": S, "endTime": S},
        },
    });
    let steps = [
        ("SELECTING", json!({"catalog": catalog(), "providers": {}, "matchingResults": matches()})),
        ("INITIALIZING", json!({"selectedOffer": offer(), "selectedQuantity": 3})),
        ("CONFIRMING", json!({"order": order()})),
        ("ACTIVE", json!({})),
    ];
    for (step, more) in steps {
        state = with(state, more);
        if step == status {
            break;
        }
    }
    state
}

async fn state_looks(trade: &Trade, status: &str) {
    let state = trade.status(status).await;
    looks_like(&format!("the state {status}"), &state_in(status), &state);
}

#[tokio::test]
async fn the_five_actions_and_every_state_between_them() {
    let system = System::start().await;
    let sellers = || asked(ack(sellers_context()));
    let is = |what: &str, wanted: Value, answer: Answer| {
        assert_eq!(answer.status, 200, "{what} {}", answer.text);
        looks_like(what, &wanted, &answer.json);
    };
    let window = crate::client::window();
    let wish =
        json!({"sourceType": "SOLAR", "deliveryMode": "INSTANT", "minQuantity": 20, "timeWindow": window});
    let answer = system.post("/api/discover", &wish).await;
    let trade = system.trade(answer.json["transaction_id"].as_str().unwrap());
    is("discover", asked(ack(context())), answer);
    state_looks(&trade, "SELECTING").await;

    let chosen = json!({
        "selected_offer": {"id": "o", "provider_id": "p", "price": price(), "quantity": 3},
        "matching": {"score": 0.5, "breakdown": breakdown(), "alternativeOffers": 2},
    });
    is("select", with(sellers(), chosen), trade.match_best(30).await);
    state_looks(&trade, "INITIALIZING").await;
    is("init", sellers(), trade.ask("init", json!({})).await);
    state_looks(&trade, "CONFIRMING").await;
    is("status", sellers(), trade.ask("status", json!({})).await);
    is("confirm", with(sellers(), json!({"order_id": "x"})), trade.ask("confirm", json!({})).await);
    state_looks(&trade, "ACTIVE").await;
    let last = trade.ask("status", json!({})).await;
    trade.heard("on_status", &last.message_id()).await;
    is("status", sellers(), last);

    let listed = system.get("/api/transactions").await;
    looks_like("the list", &json!({"transactions": [state_in("ACTIVE")]}), &listed.json);
    assert_eq!(listed.json["transactions"], json!([trade.state().await]));
    messages_look(&trade).await;
    let url = format!("{}/api/transactions", system.bap);
    is("clear", json!({"status": "ok", "cleared": 1}), system.send(Method::DELETE, &url, None).await);
}

fn message(action: &str) -> Value {
    let line = json!({"item_id": "i", "offer_id": "o", "quantity": 3});
    let state = json!({"descriptor": {"code": "c", "name": "n"}});
    match action {
        "discover" => json!({
            "intent": {
                "item": {"itemAttributes": {"sourceType": "x", "deliveryMode": "y", "availableQuantity": 3}},
                "fulfillment": {"time": millis()},
                "quantity": {"value": 3, "unit": "kWh"},
            },
            "filters": {"type": "jsonpath", "expression": "e"},
        }),
        "on_discover" => json!({"catalog": catalog()}),
        "select" => json!({"orderItems": [line]}),
        "on_select" => json!({"order": {
            "id": "x", "items": [line], "quote": quote(), "provider": {"id": "p", "descriptor": {"name": "n"}},
        }}),
        "init" => json!({"order": {"items": [line], "provider": {"id": "p"}}}),
        "confirm" => json!({"order": {"id": "x"}}),
        "status" => json!({"order_id": "x"}),
        "on_init" | "on_confirm" => json!({"order": order()}),
        "on_status" => json!({
            "order": order(), "fulfillment": {"id": "f", "type": "ENERGY_DELIVERY", "state": state},
        }),
        other => panic!("{other} is no action"),
    }
}

/// Every row of the events table, and the message in it.
async fn messages_look(trade: &Trade) {
    let row = json!({
        "id": "e", "transaction_id": "t", "message_id": "m", "action": "a", "direction": "d", "raw_json": "{}",
        "created_at": MS,
    });
    let events = trade.events().await;
    assert!(events.len() >= 20);
    for event in events {
        looks_like("an event", &row, &event);
        let action = event["action"].as_str().unwrap();
        let context = if action.ends_with("discover") { context() } else { sellers_context() };
        let wanted = json!({"context": context, "message": message(action)});
        looks_like(action, &wanted, &serde_json::from_str(event["raw_json"].as_str().unwrap()).unwrap());
    }
}

#[tokio::test]
async fn health_and_catalog() {
    let system = System::start().await;
    let health = json!({
        "status": "ok", "service": "s", "postgres": "connected", "redis": "connected", "timestamp": MS,
    });
    let prosumer = system.get("/health").await.json;
    looks_like("health", &with(health.clone(), json!({"roles": ["bap", "bpp"]})), &prosumer);
    assert_eq!((&prosumer["service"], &prosumer["roles"]), (&json!("prosumer"), &json!(["bap", "bpp"])));
    let cds = system.send(Method::GET, &format!("{}/health", system.cds), None).await.json;
    looks_like("health of the CDS", &health, &cds);
    assert_eq!((&cds["service"], &cds["status"]), (&json!("cds-mock"), &json!("ok")));
    let found = system.send(Method::GET, &format!("{}/catalog", system.cds), None).await.json;
    looks_like("catalog", &json!({"catalog": catalog()}), &found);
    assert_eq!(found["catalog"]["providers"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn refusals() {
    let system = System::start().await;
    let trade = system.discover().await;
    let not_found = system.get("/api/transactions/nope").await;
    looks_like("not found", &json!({"error": "e"}), &not_found.json);
    let none = trade.match_best(10000).await;
    looks_like("no match", &json!({"error": "e", "allOffers": 0}), &none.json);
    let inner = asked(nack(sellers_context()));
    let chosen = json!({"selected_offer": {"id": "o", "provider_id": "p", "price": price(), "quantity": 3}});
    looks_like("select by hand", &with(inner.clone(), chosen.clone()), &trade.select(ALPHA, 500).await.json);
    looks_like("status", &inner, &trade.ask("status", json!({})).await.json);
    let by_hand = trade.select(BETA, 5).await;
    looks_like("select by hand", &with(asked(ack(sellers_context())), chosen), &by_hand.json);
    assert!(by_hand.json.get("matching").is_none());
    let unknown = Message::new(&system, "confirm", "t-1", json!({"order": {"id": "nope"}}));
    let refused = system.post("/confirm", &unknown.0).await;
    looks_like("a NACK of the seller's side", &nack(sellers_context()), &refused.json);
}

#[tokio::test]
async fn what_senders_of_callbacks_are_told() {
    let system = System::with(Setup { callback_delay: "600000", ..Setup::default() }).await;
    let send = async |action: &str, message: Value| {
        let callback = Message::new(&system, action, "t-1", message);
        let first = system.post(&format!("/callbacks/{action}"), &callback.0).await;
        let again = system.post(&format!("/callbacks/{action}"), &callback.0).await;
        assert_eq!(again.json, json!({"status": "ok", "message": "duplicate ignored"}));
        first.json
    };
    let catalog = system.send(Method::GET, &format!("{}/catalog", system.cds), None).await.json;
    let found = send("on_discover", catalog).await;
    looks_like("on_discover", &json!({"status": "ok", "providers": 2, "items": 2, "offers": 2}), &found);
    let quoted = json!({"order": {"id": "o-x", "items": [], "quote": quote(), "provider": {"id": "p"}}});
    assert_eq!(send("on_select", quoted).await, json!({"status": "ok", "order_id": "o-x"}));
    for action in ["on_init", "on_confirm", "on_status"] {
        let told = send(action, message(action)).await;
        looks_like(action, &json!({"status": "ok", "order_id": "x"}), &told);
    }
}

#[tokio::test]
async fn an_unanswered_discovery_shows_what_is_looked_for() {
    let system = System::with(Setup { callback_delay: "600000", ..Setup::default() }).await;
    let trade = system.trade("t-1");
    trade.ask("discover", json!({"sourceType": "SOLAR"})).await.acknowledged();
    let wanted = json!({
        "transaction_id": "t", "status": "s", "created_at": MS, "updated_at": MS,
        "discoveryCriteria": {"sourceType": "x"},
    });
    looks_like("DISCOVERING", &wanted, &trade.status("DISCOVERING").await);
}
