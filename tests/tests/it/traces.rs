//! A trade is one trace, through all programs and also after a crash; answers and logs name it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    beckn::{self, Message},
    client::{ALPHA, Client, Trade, order_id, until},
    collector::{Collector, Span, Spans},
    programs::{Place, Programs},
    receiver::Receiver,
    stage::ACTIONS,
};

/// Each action through the API, waited for.
async fn make(trade: &Trade, client_of: impl Fn(&str) -> Client) {
    let trade = |action: &str| client_of(action).trade(&trade.id);
    trade("select").match_best(30).await.acknowledged();
    trade("select").status("INITIALIZING").await;
    trade("init").ask("init", json!({})).await.acknowledged();
    trade("init").status("CONFIRMING").await;
    trade("confirm").bought().await;
    let status = trade("status").ask("status", json!({})).await.acknowledged();
    trade("status").heard("on_status", &status.message_id()).await;
}

/// The service that each action must have been to, beside the gateway and the order service.
fn service_of(action: &str) -> Option<&'static str> {
    match action {
        "discover" | "select" | "init" | "confirm" => Some("catalog"),
        _ => None,
    }
}

/// The whole way of an action: from the client's request to the callback. Spans come when they have ended, those of each
/// program for themselves.
async fn is_whole(collector: &Collector, action: &str) -> Span {
    until(&format!("the whole way of {action}"), async || whole(&collector.spans(), action)).await
}

fn whole(spans: &Spans, action: &str) -> Result<Span, String> {
    let heard = spans.named(&format!("POST /callbacks/on_{action}"))?;
    let asked = spans.named(&format!("POST /api/{action}"))?;
    let above: Vec<&str> = spans.line(heard).map(|span| span.name.as_str()).collect();
    for name in [&format!("deliver on_{action}"), &format!("POST /{action}"), &asked.name] {
        if !above.contains(&name.as_str()) {
            return Err(format!("{} is not beneath {name}: {above:?}", heard.name));
        }
    }
    let beneath: Vec<&Span> = spans.beneath(asked).collect();
    let has = |what: &str, like: &dyn Fn(&Span) -> bool| match beneath.iter().any(|span| like(span)) {
        true => Ok(()),
        false => Err(format!("{} has nothing beneath it that is {what}", asked.name)),
    };
    has("the buyer's state", &|span| span.name == "EVALSHA" && span.parent == heard.id)?;
    for service in ["gateway", "order"].into_iter().chain(service_of(action)) {
        has(service, &|span| span.service == service)?;
    }
    for (name, value) in [
        ("db.system.name", "postgresql"),
        ("db.system.name", "redis"),
        ("rpc.response.status_code", "OK"),
        ("messaging.system", "beckn"),
    ] {
        has(value, &|span| span.attributes.get(name).is_some_and(|found| found == value))?;
    }
    Ok(asked.clone())
}

/// The root that nobody records (design: the first 8 bytes of UUIDv5(trace id, "root")).
fn root_of(trade: &str) -> String {
    let root = Uuid::new_v5(&trade.parse().unwrap(), b"root");
    root.simple().to_string()[..16].to_owned()
}

fn traces(spans: &Spans) -> BTreeSet<&str> {
    spans.0.values().map(|span| span.trace.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trade_is_one_trace_under_its_transaction_id() {
    let (collector, place) = (Collector::start().await, Place::new("gateway-1"));
    let programs = Programs::new(&[&place], &collector.variables()).await;
    let (_services, _gateway) = (programs.services(), programs.gateway(&place).await);
    let client = place.client();
    let trade = client.discover().await;
    make(&trade, |_| client.clone()).await;
    let root = root_of(&trade.id);
    for action in ACTIONS {
        let asked = is_whole(&collector, action).await;
        assert_eq!(asked.parent, root, "{action}");
        assert_eq!(asked.attributes["beckn.transaction_id"], trade.id);
    }
    // A span comes when it has ended, so after those beneath it.
    let spans = until("spans with their parents", async || {
        let spans = collector.spans();
        let lost = |span: &&Span| span.parent != root && !spans.0.contains_key(&span.parent);
        let lost: Vec<Span> = spans.0.values().filter(lost).cloned().collect();
        if lost.is_empty() { Ok(spans) } else { Err(format!("without: {lost:?}")) }
    })
    .await;
    // Polls, health and what goes by the clock stay out of it, and nothing is anywhere else.
    assert_eq!(traces(&spans), BTreeSet::from([trade.id.replace('-', "").as_str()]));
    let services: BTreeSet<&str> = spans.0.values().map(|span| span.service.as_str()).collect();
    assert_eq!(services, BTreeSet::from(["catalog", "gateway", "matching", "order"]));

    // What the seller ends is told there too, though another request did it.
    let order = order_id(&trade.state().await);
    let completed = client.post(&format!("/seller/orders/{order}/complete"), &json!({})).await;
    assert_eq!(completed.status, 200, "{}", completed.text);
    let unasked = |span: &Span| span.name == "deliver on_status" && span.parent == root;
    let unasked = collector.has("what the buyer is told unasked", unasked).await;
    assert_eq!(unasked.trace, trade.id.replace('-', ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clients_own_traces_are_gone_on_with() {
    let (collector, place) = (Collector::start().await, Place::new("gateway-1"));
    let programs = Programs::new(&[&place], &collector.variables()).await;
    let (_services, _gateway) = (programs.services(), programs.gateway(&place).await);
    let trace_of = |action: &str| Uuid::new_v5(&Uuid::NAMESPACE_DNS, action.as_bytes()).simple().to_string();
    let client_of = |action: &str| {
        place.client().saying("traceparent", &format!("00-{}-00f067aa0ba902b7-01", trace_of(action)))
    };
    let trade = client_of("discover").discover().await;
    make(&trade, client_of).await;
    for action in ACTIONS {
        let asked = is_whole(&collector, action).await;
        assert_eq!((asked.trace, asked.parent.as_str()), (trace_of(action), "00f067aa0ba902b7"));
        assert_eq!(asked.attributes["beckn.transaction_id"], trade.id);
        // The way to whatever else there is of the trade.
        assert_eq!(asked.links, [trade.id.replace('-', "")]);
    }
    let all = ACTIONS.map(trace_of);
    assert_eq!(traces(&collector.spans()), all.iter().map(String::as_str).collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callback_after_a_crash_is_in_the_trace_of_its_request() {
    let collector = Collector::start().await;
    let (first, second) = (Place::new("gateway-1"), Place::new("gateway-2"));
    let [endpoint, delay] = collector.variables();
    let more = [endpoint, delay, ("CALLBACK_DELAY", "300"), ("LEASE_SECONDS", "1")];
    let programs = Programs::new(&[&first, &second], &more).await;
    let _services = programs.services();
    let receiver = Receiver::start().await;
    for action in ["select", "init"] {
        let doomed = programs.doomed_gateway(&first, &format!("gateway.deliver.on_{action}.due"));
        crate::system::ready(&first.client(), "ok").await;
        let said = match action {
            "select" => beckn::select(ALPHA, &json!(3)),
            _ => beckn::init(ALPHA, &json!(3)),
        };
        let message = Message::new(&first.client(), action, &Uuid::new_v4().to_string(), said)
            .with("bap_id", "bap.elsewhere")
            .with("bap_uri", &receiver.uri);
        let answer = first.client().post(&format!("/{action}"), &message.0).await.acknowledged();
        doomed.died().await;
        let gateway = programs.gateway(&second).await;
        let delivered = format!("deliver on_{action}");
        let delivered = collector.has(&delivered, |span| span.name == delivered).await;
        let told = answer.header("traceparent");
        let [_, trace, accepted, "01"] = told.split('-').collect::<Vec<_>>()[..] else { panic!("{told}") };
        assert_eq!(delivered.trace, trace);
        let spans = collector.spans();
        let mut above = spans.line(&delivered).map(|span| span.parent.as_str());
        assert!(above.any(|parent| parent == accepted), "{action}: {delivered:?} is not beneath {told}");
        gateway.terminate().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_collector_a_system_trades_and_ends_as_ever() {
    let place = Place::new("gateway-1");
    // Nobody listens there.
    let nowhere = format!("http://127.0.0.1:{}", p2p_testkit::free_port().unwrap());
    let programs = Programs::new(&[&place], &[("OTEL_EXPORTER_OTLP_ENDPOINT", &nowhere)]).await;
    let (services, gateway) = (programs.services(), programs.gateway(&place).await);
    let trade = place.client().discover().await;
    trade.ordered(ALPHA, 2).await;
    trade.bought().await;
    gateway.terminate().await;
    for service in services {
        service.terminate().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_action_is_one_line_of_the_log_with_its_trace() {
    let place = Place::new("gateway-1");
    let programs = Programs::new(&[&place], &[("LOG_FORMAT", "json"), ("RUST_LOG", "info")]).await;
    let (_services, gateway) = (programs.services(), programs.gateway(&place).await);
    let client = place.client().saying("x-request-id", "mine-1");
    let trade = client.discover().await;
    make(&trade, |_| client.clone()).await;
    gateway.terminate().await;
    let log = programs.log("gateway");
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    for action in ACTIONS {
        let of_it = |line: &&Value| line["message"] == "answered" && line["action"] == action;
        let answered: Vec<&Value> = lines.iter().filter(of_it).collect();
        let [line] = answered[..] else { panic!("{action}: {answered:?}") };
        assert_eq!(line["transaction_id"], trade.id);
        assert_eq!(line["trace_id"], trade.id.replace('-', ""));
        // Also at the seller's side, which the buyer's side asks for its client.
        assert_eq!(line["request_id"], "mine-1");
        assert_eq!((&line["verdict"], &line["outcome"]), (&json!("ACK"), &json!("OUTCOME_ACCEPTED")));
        assert!(
            line["millis"].is_u64() && line["message_id"].is_string() && line["bap_id"].is_string(),
            "{line}"
        );
    }
    assert!(!log.contains("offerAttributes") && !log.contains("p2p_password"), "bodies or secrets: {log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_name_their_request_and_errors_do_in_their_body() {
    let system = crate::system::System::start().await;
    let client = system.saying("x-request-id", "mine-1");
    for path in ["/api/select", "/select", "/seller/items", "/nowhere"] {
        let answer = client.post(path, &json!({"transaction_id": "unknown"})).await;
        assert!(answer.status >= 400, "{path}");
        assert_eq!(answer.header("x-request-id"), "mine-1", "{path}");
        assert_eq!(answer.json["request_id"], "mine-1", "{path}: {}", answer.text);
    }
    assert_eq!(client.get("/health").await.header("x-request-id"), "mine-1");
    // What is not fit to be logged is not taken over.
    for unfit in ["two words", &"x".repeat(129)] {
        let answer = system.saying("x-request-id", unfit).get("/nowhere").await;
        let given = answer.json["request_id"].as_str().unwrap().to_owned();
        assert!(given.parse::<Uuid>().is_ok(), "{given}");
        assert_eq!(answer.header("x-request-id"), given);
    }
}
