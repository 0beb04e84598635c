//! What the programs measure: read as Prometheus reads it, and compared with what was done.

use std::{collections::BTreeMap, io::ErrorKind, process::Stdio};

use reqwest::Method;
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpListener, process::Command};

use crate::{
    beckn::{self, Message},
    client::{ALPHA, until},
    programs::{Place, Programs},
    receiver::{Manner, Receiver},
};

/// What `GET /metrics` of a program says.
struct Scraped {
    text: String,
    samples: Vec<Sample>,
}

struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Sample {
    /// Of a line that is no comment. No value of a label has a quote or a comma in it.
    fn read(line: &str) -> Self {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.trim_end_matches('}').split(',').filter_map(|label| label.split_once('='));
        Self {
            name: name.to_owned(),
            labels: labels
                .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
                .collect(),
            value: value.parse().unwrap(),
        }
    }

    fn has(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        let has = |(name, value): &(&str, &str)| self.labels.get(*name).is_some_and(|is| is == value);
        self.name == name && labels.iter().all(has)
    }
}

impl Scraped {
    async fn of(programs: &Programs, name: &str) -> Self {
        let http = crate::client::http().build().unwrap();
        let text = until(name, async || {
            let answer = http.get(programs.metrics_of(name)).send().await.map_err(|e| e.to_string())?;
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4");
            answer.text().await.map_err(|e| e.to_string())
        })
        .await;
        let samples = text.lines().filter(|line| !line.starts_with('#')).map(Sample::read).collect();
        Self { text, samples }
    }

    /// The lines about a metric.
    fn lines(&self, name: &str) -> String {
        self.text.lines().filter(|line| line.contains(name)).collect::<Vec<_>>().join("\n")
    }

    /// The sum of the series that have these labels; none when there is none.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let found = self.samples.iter().filter(|sample| sample.has(name, labels)).map(|sample| sample.value);
        let found: Vec<f64> = found.collect();
        (!found.is_empty()).then(|| found.iter().sum())
    }
}

/// Reads until a series has the value.
async fn becomes(programs: &Programs, program: &str, name: &str, labels: &[(&str, &str)], value: f64) {
    until(&format!("{name}{labels:?} of {program} to be {value}"), async || {
        let scraped = Scraped::of(programs, program).await;
        if scraped.sum(name, labels) == Some(value) { Ok(()) } else { Err(scraped.lines(name)) }
    })
    .await;
}

/// Every metric of the contract, and who tells it.
const CONTRACT: [(&str, &[&str]); 4] = [
    (
        "gateway",
        &[
            "http_server_request_duration_seconds",
            "rpc_client_call_duration_seconds",
            "beckn_action_duration_seconds",
            "beckn_callbacks_total",
            "beckn_publications_total",
            "beckn_delivery_duration_seconds",
        ],
    ),
    (
        "catalog",
        &[
            "rpc_server_call_duration_seconds",
            "catalog_reservations_total",
            "catalog_stock_energy_wh_total",
            "commit_group_size",
            "db_client_connections",
            "db_client_connection_max",
        ],
    ),
    (
        "matching",
        &[
            "rpc_server_call_duration_seconds",
            "matching_rank_duration_seconds",
            "matching_candidates",
            "matching_eligible",
            "db_client_connections",
            "db_client_connection_max",
        ],
    ),
    (
        "order",
        &[
            "rpc_server_call_duration_seconds",
            "rpc_client_call_duration_seconds",
            "beckn_outbox_undelivered",
            "beckn_outbox_oldest_undelivered_age_seconds",
            "beckn_outbox_dead",
            "beckn_inbox_open",
            "order_orders",
            "order_transitions_total",
            "order_invariant_violations",
            "order_reconciled_timestamp_seconds",
            "commit_group_size",
            "db_client_connections",
            "db_client_connection_max",
        ],
    ),
];
const OF_ALL: [&str; 12] = [
    "db_client_operation_duration_seconds",
    "dependency_up",
    "tokio_workers",
    "tokio_alive_tasks",
    "tokio_global_queue_depth",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_max_fds",
    "process_start_time_seconds",
    "target_info",
    "process_threads",
];

/// What promtool has to say about it: nothing. Without promtool nobody is asked.
async fn promtool_is_content(program: &str, text: &str) {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("skipped: promtool is not installed (Debian's package prometheus has it)");
            return;
        }
        child => child.unwrap(),
    };
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{program}: {}", String::from_utf8_lossy(&said));
}

#[tokio::test]
async fn after_a_trade_every_metric_is_there_and_the_counts_are_those_of_the_trade() {
    let place = Place::new("gateway-1");
    let more = [("CALLBACK_DELAY", "0"), ("RECONCILE_INTERVAL_SECONDS", "1"), ("ACK_DEADLINE_MS", "5000")];
    let programs = Programs::new(&[&place], &more).await.measured();
    let _services = programs.services();
    let _gateway = programs.gateway(&place).await;
    let client = place.client();

    let trade = client.discover().await;
    trade.match_best(30).await.acknowledged();
    trade.status("INITIALIZING").await;
    trade.ask("init", json!({})).await.acknowledged();
    trade.status("CONFIRMING").await;
    trade.bought().await;
    let asked = trade.ask("status", json!({})).await.acknowledged();
    trade.heard("on_status", &asked.message_id()).await;
    // Another buyer: the same message twice, other bytes under its id, too much, and what cannot be read.
    let receiver = Receiver::start().await;
    let message = |kwh: i64| {
        Message::new(&client, "select", "t-1", beckn::select(ALPHA, &json!(kwh))).elsewhere(&receiver.uri)
    };
    let select = message(1);
    select.post(&client).await.acknowledged();
    select.post(&client).await.acknowledged();
    assert_eq!(message(2).with("message_id", &select.id()).post(&client).await.status, 409);
    assert_eq!(message(1_000).post(&client).await.refused().0, "40001");
    assert_eq!(client.post_text("/select", "{").await.status, 400);
    for path in ["/nothing", "/nothing/else"] {
        assert_eq!(client.get(path).await.status, 404);
    }
    programs.tables.is_sound().await;

    // Reports of deliveries are gathered, and the backlog is counted every ten seconds.
    let on = |action: &'static str| format!("on_{action}");
    becomes(&programs, "order", "order_orders", &[("order_status", "ACTIVE")], 1.0).await;
    becomes(&programs, "order", "beckn_outbox_undelivered", &[], 0.0).await;
    let gateway = Scraped::of(&programs, "gateway").await;
    for (action, callbacks) in
        [("discover", 1.0), ("select", 2.0), ("init", 1.0), ("confirm", 1.0), ("status", 1.0)]
    {
        let labels = [("beckn_action", action), ("beckn_verdict", "ACK"), ("beckn_outcome", "accepted")];
        assert_eq!(gateway.sum("beckn_action_duration_seconds_count", &labels), Some(callbacks), "{action}");
        for result in ["accepted", "delivered"] {
            let labels = [("beckn_action", &*on(action)), ("beckn_result", result)];
            assert_eq!(gateway.sum("beckn_callbacks_total", &labels), Some(callbacks), "{action} {result}");
        }
        let labels = [("beckn_action", &*on(action)), ("beckn_result", "delivered")];
        assert_eq!(
            gateway.sum("beckn_delivery_duration_seconds_count", &labels),
            Some(callbacks),
            "{action}"
        );
    }
    for result in ["retried", "dead"] {
        assert_eq!(gateway.sum("beckn_callbacks_total", &[("beckn_result", result)]), None);
    }
    for (verdict, outcome) in
        [("ACK", "repeated"), ("NACK", "conflict"), ("NACK", "accepted"), ("NACK", "unreadable")]
    {
        let labels = [("beckn_action", "select"), ("beckn_verdict", verdict), ("beckn_outcome", outcome)];
        assert_eq!(gateway.sum("beckn_action_duration_seconds_count", &labels), Some(1.0), "{outcome}");
    }
    let requests = |route, status| {
        gateway.sum(
            "http_server_request_duration_seconds_count",
            &[("http_route", route), ("http_response_status_code", status)],
        )
    };
    assert_eq!(requests("other", "404"), Some(2.0));
    assert_eq!((requests("/select", "200"), requests("/select", "409")), (Some(4.0), Some(1.0)));
    assert_eq!(requests("/api/init", "200"), Some(1.0));
    assert!(requests("/api/transactions/{id}", "200") >= Some(1.0));
    assert!(!gateway.text.contains(&trade.id), "a label names a trade");
    let redis = |name| {
        let labels = [("db_system_name", "redis"), ("db_operation_name", name)];
        gateway.sum("db_client_operation_duration_seconds_count", &labels)
    };
    assert!(redis("EVALSHA") >= Some(10.0) && redis("HSET") >= Some(1.0));
    for dependency in ["redis", "catalog", "matching", "order"] {
        assert_eq!(gateway.sum("dependency_up", &[("dependency", dependency)]), Some(1.0), "{dependency}");
    }

    let order = Scraped::of(&programs, "order").await;
    for (status, times) in
        [("DRAFT", Some(1.0)), ("PENDING", Some(1.0)), ("ACTIVE", Some(1.0)), ("CANCELLED", None)]
    {
        assert_eq!(order.sum("order_transitions_total", &[("order_status", status)]), times, "{status}");
    }
    for (gauge, value) in [("beckn_outbox_oldest_undelivered_age_seconds", 0.0), ("beckn_outbox_dead", 0.0)] {
        assert_eq!(order.sum(gauge, &[]), Some(value), "{gauge}");
    }
    assert_eq!(order.sum("beckn_inbox_open", &[]), Some(0.0));
    assert_eq!(order.sum("order_orders", &[]), Some(1.0));
    becomes(&programs, "order", "order_invariant_violations", &[], 0.0).await;
    // Five sent; eight recorded, and four of the other buyer; init and confirm begun and finished; reports.
    let operations = order.sum("commit_group_size_sum", &[("commit_writer", "order")]);
    assert!(operations >= Some(5.0 + 12.0 + 4.0 + 1.0), "{operations:?}");
    let begun = [("rpc_method", "p2p.order.v1.MailboxService/BeginInit"), ("rpc_response_status_code", "OK")];
    assert_eq!(order.sum("rpc_server_call_duration_seconds_count", &begun), Some(1.0));
    assert_eq!(gateway.sum("rpc_client_call_duration_seconds_count", &begun), Some(1.0));
    let reserved = [("rpc_method", "p2p.catalog.v1.CatalogService/ReserveBlocks")];
    assert_eq!(order.sum("rpc_client_call_duration_seconds_count", &reserved), Some(1.0));

    let catalog = Scraped::of(&programs, "catalog").await;
    for movement in ["held", "sold"] {
        let labels = [("catalog_movement", movement)];
        assert_eq!(catalog.sum("catalog_reservations_total", &labels), Some(1.0));
        assert_eq!(catalog.sum("catalog_stock_energy_wh_total", &labels), Some(30_000.0));
    }
    assert_eq!(catalog.sum("catalog_reservations_total", &[]), Some(2.0), "and no other movement");
    assert_eq!(catalog.sum("commit_group_size_sum", &[("commit_writer", "catalog")]), Some(2.0));
    for operation in ["SELECT", "INSERT", "UPDATE", "COMMIT"] {
        let labels = [("db_system_name", "postgresql"), ("db_operation_name", operation)];
        assert!(
            catalog.sum("db_client_operation_duration_seconds_count", &labels) >= Some(1.0),
            "{operation}"
        );
    }
    assert_eq!(catalog.sum("db_client_connection_max", &[]), Some(5.0));

    let matching = Scraped::of(&programs, "matching").await;
    let ranked = matching.sum("matching_rank_duration_seconds_count", &[]).unwrap();
    assert_eq!(ranked, 2.0, "when the catalog had come, and to select");
    assert_eq!(matching.sum("matching_candidates_count", &[]), Some(ranked));
    assert!(matching.sum("matching_eligible_sum", &[]) >= Some(2.0));

    for ((program, names), scraped) in CONTRACT.iter().zip([&gateway, &catalog, &matching, &order]) {
        for name in names.iter().chain(&OF_ALL) {
            assert!(scraped.text.contains(&format!("\n# TYPE {name} ")), "{program} has no {name}");
        }
        if *program != "gateway" {
            assert_eq!(scraped.sum("dependency_up", &[("dependency", "postgresql")]), Some(1.0));
        }
        let named = [("service_name", *program), ("service_version", env!("CARGO_PKG_VERSION"))];
        assert_eq!(scraped.sum("target_info", &named), Some(1.0));
        promtool_is_content(program, &scraped.text).await;
    }
}

#[tokio::test]
async fn what_is_away_is_not_up() {
    let place = Place::new("gateway-1");
    // Nothing listens there.
    let away =
        [("REDIS_URL", "redis://127.0.0.1:1"), ("MATCHING_DATABASE_URL", "postgresql://x@127.0.0.1:1/x")];
    let programs = Programs::new(&[&place], &away).await.measured();
    let [catalog, _matching, _order] = programs.services();
    let _gateway = programs.doomed_gateway(&place, "");
    let up = async |program, dependency, value| {
        becomes(&programs, program, "dependency_up", &[("dependency", dependency)], value).await;
    };
    up("matching", "postgresql", 0.0).await;
    up("order", "postgresql", 1.0).await;
    for (dependency, value) in [("redis", 0.0), ("matching", 0.0), ("catalog", 1.0), ("order", 1.0)] {
        up("gateway", dependency, value).await;
    }
    catalog.terminate().await;
    up("gateway", "catalog", 0.0).await;
    let health = [("rpc_method", "grpc.health.v1.Health/Check"), ("rpc_response_status_code", "UNAVAILABLE")];
    let gateway = Scraped::of(&programs, "gateway").await;
    assert!(gateway.sum("rpc_client_call_duration_seconds_count", &health) >= Some(1.0));
}

#[tokio::test]
async fn a_callback_that_is_given_up_counts_once_and_one_that_expires_too() {
    let place = Place::new("gateway-1");
    let programs = Programs::new(&[&place], &[("CALLBACK_DELAY", "0")]).await.measured();
    let _services = programs.services();
    let _gateway = programs.gateway(&place).await;
    let client = place.client();
    let select = async |uri: &str| {
        let message = Message::new(&client, "select", "t-1", beckn::select(ALPHA, &json!(1)));
        message.elsewhere(uri).post(&client).await.acknowledged();
    };
    let refusing = Receiver::answering([], Manner::status(404)).await;
    select(&refusing.uri).await;
    let counted = async |program, result, value| {
        let labels = [("beckn_action", "on_select"), ("beckn_result", result)];
        becomes(&programs, program, "beckn_callbacks_total", &labels, value).await;
    };
    counted("gateway", "retried", 1.0).await;
    counted("gateway", "dead", 1.0).await;
    let gateway = Scraped::of(&programs, "gateway").await;
    let results = ["accepted", "retried", "delivered"];
    let results = results.map(|result| gateway.sum("beckn_callbacks_total", &[("beckn_result", result)]));
    assert_eq!(results, [Some(1.0), Some(2.0), None]);
    let attempts = ["retried", "dead"]
        .map(|result| gateway.sum("beckn_delivery_duration_seconds_count", &[("beckn_result", result)]));
    assert_eq!(attempts, [Some(2.0), Some(1.0)]);

    let failing = Receiver::answering([], Manner::status(503)).await;
    select(&failing.uri).await;
    counted("gateway", "retried", 3.0).await;
    // It is old already though it is due again later.
    until("its age", async || {
        let age =
            Scraped::of(&programs, "order").await.sum("beckn_outbox_oldest_undelivered_age_seconds", &[]);
        if age > Some(1.0) { Ok(()) } else { Err(format!("{age:?}")) }
    })
    .await;
    programs
        .tables
        .change("UPDATE orders.outbox SET expires_at = now(), due_at = now() WHERE status = 'PENDING'")
        .await;
    counted("order", "dead", 1.0).await;
    becomes(&programs, "order", "beckn_outbox_dead", &[], 2.0).await;
    counted("gateway", "dead", 1.0).await;
}

#[tokio::test]
async fn a_taken_operations_port_is_said_and_off_is_none() {
    let place = Place::new("gateway-1");
    let programs = Programs::new(&[&place], &[]).await;
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = other.local_addr().unwrap().to_string();
    for (address, said) in [
        (&*taken, format!("matching: cannot listen on METRICS_ADDR {taken}")),
        ("9464", "METRICS_ADDR=\"9464\" cannot be used: must be ip:port, or off".to_owned()),
    ] {
        let refused = programs.refused("matching", "METRICS_ADDR", address).await;
        assert!(refused.contains(&said), "{refused}");
    }
    // All of them without metrics.
    let _services = programs.services();
    let _gateway = programs.gateway(&place).await;
    let answer = place.client().send(Method::GET, &format!("{}/health", place.client().bap), None).await;
    assert_eq!(answer.json["status"], "ok");
}
