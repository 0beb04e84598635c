//! `bench edge`: what the gateway does with the body of a Beckn action before it asks anybody, on one core; and with a
//! signed one, on two.
#![allow(clippy::float_arithmetic, reason = "rates are reported, nothing is decided by them")]

mod signed;

use std::hint::black_box;

use anyhow::anyhow;
use p2p_gateway::{Config, Edge};
use p2p_runtime::Env;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::{
    medians::{Measured, medians},
    options,
    plot::{Plot, number},
    run::load,
};

/// What it takes to read one action.
#[derive(Debug, Serialize)]
struct Action {
    action: &'static str,
    bytes: usize,
    /// The median.
    nanoseconds: f64,
    messages_per_second: f64,
    allocations: u64,
    allocated_bytes: u64,
}

/// All of it.
#[derive(Debug, Serialize)]
struct Results {
    read: Vec<Action>,
    signed: Vec<signed::Measured>,
}

/// Measures each action, and counts what it allocates.
///
/// # Errors
/// When the gateway would refuse what is measured.
pub async fn run(options: options::Edge) -> anyhow::Result<()> {
    println!("Beckn actions read and checked, on one core (load before {})", load());
    let actions = spawn_blocking(measure).await??;
    println!(
        "{:<10} {:>6} {:>10} {:>12} {:>12} {:>16}",
        "", "bytes", "us", "messages/s", "allocations", "bytes allocated"
    );
    for action in &actions {
        let Action { action, bytes, nanoseconds, messages_per_second, allocations, allocated_bytes } = action;
        println!(
            "{action:<10} {bytes:>6} {:>10.2} {messages_per_second:>12.0} {allocations:>12} {allocated_bytes:>16}",
            nanoseconds / 1e3
        );
    }
    let mut signed = signed::at_the_edge(options.lasts).await?;
    if let Some(registry) = &options.registry {
        signed.push(signed::durably(&options, registry).await?);
    }
    signed::tell(&signed);
    let point = |action: &Action| (number(action.bytes as u64), action.messages_per_second);
    let line = |action: &Action| (action.action.to_owned(), vec![point(action)]);
    let title = "Beckn actions read and checked on one core".to_owned();
    let lines = actions.iter().map(line).collect();
    let plot = Plot { title, x: "bytes", y: "messages/s", lines };
    options.output.write(&Results { read: actions, signed }, &plot)
}

fn measure() -> anyhow::Result<Vec<Action>> {
    let edge = Edge::new(&Config::from_env(&Env::of([]))?)?;
    let messages = messages().map(|(action, message)| (action, body(action, &message)));
    let read = |action: &str, body: &str| {
        edge.read(action, body).map_err(|why| anyhow!("{action} is refused: {why}"))
    };
    for (action, body) in &messages {
        read(action, body)?;
    }
    let measured = messages.iter().map(|(action, body)| Measured {
        name: (*action).to_owned(),
        elements: 1,
        call: Box::new(|| drop(black_box(edge.read(action, black_box(body))))),
    });
    let medians = medians("edge", measured.collect())?;
    let action = |((action, body), nanoseconds): (&(&'static str, String), f64)| {
        let counted = allocation_counter::measure(|| drop(black_box(edge.read(action, body))));
        Action {
            action,
            bytes: body.len(),
            nanoseconds,
            messages_per_second: 1e9 / nanoseconds,
            allocations: counted.count_total,
            allocated_bytes: counted.bytes_total,
        }
    };
    Ok(messages.iter().zip(medians).map(action).collect())
}

/// What each action says, as our own buyer's side says it.
fn messages() -> [(&'static str, Value); 6] {
    let line = json!({"item_id": "item-solar-002", "offer_id": "offer-beta-afternoon", "quantity": 30});
    let order = json!("fe6c1d27-09ef-4fd9-a0b0-e37f74431b67");
    let window = json!({"startTime": "2026-11-23T11:00:00Z", "endTime": "2026-11-23T15:00:00Z"});
    [
        (
            "discover",
            json!({
                "intent": {
                    "item": {"itemAttributes": {"sourceType": "SOLAR", "deliveryMode": "SCHEDULED", "availableQuantity": 20}},
                    "fulfillment": {"time": window},
                    "quantity": {"value": 20, "unit": "kWh"},
                },
                "filters": {"type": "jsonpath", "expression": "sourceType='SOLAR' && availableQuantity>=20"},
            }),
        ),
        ("select", json!({"orderItems": [line]})),
        ("init", json!({"order": {"items": [line], "provider": {"id": "provider-solar-beta"}}})),
        ("confirm", json!({"order": {"id": order}})),
        ("status", json!({"order_id": order})),
        ("cancel", json!({"order_id": order, "reason": "the sun does not shine"})),
    ]
}

fn body(action: &str, message: &Value) -> String {
    json!({
        "context": {
            "domain": "energy:trading:p2p", "version": "2.0.0", "action": action,
            "timestamp": "2026-11-22T19:36:48.430Z", "message_id": "a9c557bd-e58f-4298-8864-6edf22a958b6",
            "transaction_id": "984015af-468a-420e-8256-d7425b33a349", "bap_id": "bap.p2p-trading.local",
            "bap_uri": "http://127.0.0.1:4000", "bpp_id": "provider-solar-beta",
            "bpp_uri": "http://127.0.0.1:4000", "ttl": "PT30S",
        },
        "message": message,
    })
    .to_string()
}
