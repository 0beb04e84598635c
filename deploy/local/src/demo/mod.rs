//! `local demo`: one trade against the running system, as the README tells it, with every answer checked.

mod buyer;
mod key;

use std::process::ExitCode;

use anyhow::{Context, ensure};
use chrono::{Days, NaiveDate};
use p2p_domain::Clock;
use p2p_runtime::{Env, Secret};
use serde_json::{Value, json};

use self::{
    buyer::{Buyer, text},
    key::ClientKey,
};
use crate::{
    built,
    checkout::Checkout,
    run_file::{GatewayUrls, RunFile},
    shell,
};

const WINNER: &str = "offer-beta-afternoon";
const QUANTITY: u32 = 30;
/// 0.40 x 1 + 0.35 x 0.60 + 0.25 x 0.75: Beta is cheapest, trusted 0.60, and covers 3 of the 4 hours.
const SCORE: &str = "0.7975";
/// 30 kWh at 0.08.
const TOTAL: &str = "2.4";
/// Of Beta's 100 kWh.
const LEFT: &str = "70";
const LEFT_AFTER_TWO: &str = "40";

/// Seeds, trades, and checks what came of it.
///
/// # Errors
/// A sentence that says which step failed and how.
pub async fn run(env: &Env, checkout: &Checkout) -> anyhow::Result<ExitCode> {
    let environment = shell::environment(env, checkout)?;
    built::one_off("seed", &[], &environment).await?;
    let tomorrow = Clock::system().now().date_naive() + Days::new(1);
    let running = RunFile::of_the_running(&checkout.local())?;
    let (bap, cds) =
        running.as_ref().map(|running| (running.bap_url.clone(), running.cds_url.clone())).unzip();
    let url = |variable, running: Option<String>, port| {
        env.optional(variable).or(running).unwrap_or_else(|| format!("http://127.0.0.1:{port}"))
    };
    let first = GatewayUrls {
        bap_url: url("BAP_URL", bap, env.value("BAP_PORT", 4000_u16)?),
        cds_url: url("CDS_URL", cds, env.value("CDS_PORT", 4001_u16)?),
    };
    let asked_for_another = env.optional("BAP_URL").is_some();
    let others = running.filter(|_| !asked_for_another).map(|running| running.other_gateways);
    let second = others.unwrap_or_default().into_iter().next();
    let client = ClientKey::obtain(env, &first.bap_url).await?;
    let traded = trades(first, second, client.as_ref().map(|client| &client.key), tomorrow).await;
    let given_back = match client {
        Some(client) => client.give_back().await,
        None => Ok(()),
    };
    traded.and(given_back).map(|()| ExitCode::SUCCESS)
}

/// A trade through each gateway.
async fn trades(
    first: GatewayUrls,
    second: Option<GatewayUrls>,
    key: Option<&Secret>,
    tomorrow: NaiveDate,
) -> anyhow::Result<()> {
    trade(&Buyer::new(first.bap_url, first.cds_url, key)?, tomorrow, LEFT).await?;
    if let Some(second) = second {
        println!("\n==== the same through the second gateway, {}", second.bap_url);
        trade(&Buyer::new(second.bap_url, second.cds_url, key)?, tomorrow, LEFT_AFTER_TWO).await?;
    }
    Ok(())
}

async fn trade(buyer: &Buyer, day: NaiveDate, stays: &str) -> anyhow::Result<()> {
    let window = json!({"startTime": format!("{day}T11:00:00Z"), "endTime": format!("{day}T15:00:00Z")});
    let health = buyer.get("health", "/health").await?;
    expect(&health, "/status", "ok")?;

    let criteria = json!({"sourceType": "SOLAR", "minQuantity": 20, "timeWindow": window});
    let discovered = buyer.post("1 discover", "/api/discover", &criteria).await?;
    let id = text(&discovered, "/transaction_id")?;
    buyer.state(&id, "SELECTING").await?;

    let wish = json!({
        "transaction_id": id, "quantity": QUANTITY, "autoMatch": true, "requestedTimeWindow": window,
    });
    let selected = buyer.post("2 select", "/api/select", &wish).await?;
    expect(&selected, "/selected_offer/id", WINNER)?;
    expect_number(&selected, "/matching/score", SCORE)?;
    acknowledged(&selected)?;
    buyer.state(&id, "INITIALIZING").await?;

    let begun = buyer.post("3 init", "/api/init", &json!({"transaction_id": id})).await?;
    acknowledged(&begun)?;
    let pending = buyer.state(&id, "CONFIRMING").await?;
    expect(&pending, "/order/status", "PENDING")?;
    let order = text(&pending, "/order/id")?;

    let ours = json!({"transaction_id": id, "order_id": order});
    acknowledged(&buyer.post("4 confirm", "/api/confirm", &ours).await?)?;
    buyer.callbacks(&id, "on_confirm", 1).await?;
    active(&buyer.state(&id, "ACTIVE").await?, &order)?;

    acknowledged(&buyer.post("5 status", "/api/status", &ours).await?)?;
    buyer.callbacks(&id, "on_status", 1).await?;
    active(&buyer.state(&id, "ACTIVE").await?, &order)?;
    left(buyer, stays).await?;

    acknowledged(&buyer.post("4 confirm, repeated", "/api/confirm", &ours).await?)?;
    buyer.callbacks(&id, "on_confirm", 2).await?;
    let last = buyer.state(&id, "ACTIVE").await?;
    active(&last, &order)?;
    left(buyer, stays).await?;

    buyer::show("the final state", &without_catalog(last));
    println!(
        "
transaction {id}
order       {order}: ACTIVE, {QUANTITY} kWh from Beta for {TOTAL} USD
match       {WINNER}, score {SCORE}
stock       {stays} kWh of it are left; confirming twice sold once"
    );
    Ok(())
}

/// The order is the one we made, active, at the price of its quote.
fn active(state: &Value, order: &str) -> anyhow::Result<()> {
    expect(state, "/order/id", order)?;
    expect(state, "/order/status", "ACTIVE")?;
    expect_number(state, "/order/quote/price/value", TOTAL)
}

async fn left(buyer: &Buyer, stays: &str) -> anyhow::Result<()> {
    let catalog = buyer.catalog().await?;
    let providers = array(&catalog, "/catalog/providers");
    let offers =
        providers.flat_map(|provider| array(provider, "/items")).flat_map(|item| array(item, "/offers"));
    let offer = offers.into_iter().find(|offer| offer["id"] == WINNER);
    let offer = offer.with_context(|| format!("{WINNER} is not in the catalog of the CDS"))?;
    expect_number(offer, "/maxQuantity", stays)
}

fn array<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn acknowledged(answer: &Value) -> anyhow::Result<()> {
    expect(answer, "/ack/ack/ack_status", "ACK")
}

fn expect(answer: &Value, pointer: &str, wanted: &str) -> anyhow::Result<()> {
    let found = answer.pointer(pointer).unwrap_or(&Value::Null);
    ensure!(found == wanted, "{pointer} should be {wanted:?}, but is {found}");
    Ok(())
}

/// Compares what is written, so 2.4000000000000004 is not 2.4; 70 and 70.0 are the same.
fn expect_number(answer: &Value, pointer: &str, wanted: &str) -> anyhow::Result<()> {
    let found = answer.pointer(pointer).unwrap_or(&Value::Null).to_string();
    ensure!(
        found.strip_suffix(".0").unwrap_or(&found) == wanted,
        "{pointer} should be {wanted}, but is {found}"
    );
    Ok(())
}

/// The catalog it traded from is long and says nothing about the trade.
fn without_catalog(mut state: Value) -> Value {
    if let Some(parts) = state.as_object_mut() {
        parts.remove("catalog");
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_that_is_almost_right_is_wrong() {
        let total = |value: f64| json!({"total": value});
        assert!(expect_number(&total(2.4), "/total", TOTAL).is_ok());
        assert!(expect_number(&total(2.400_000_000_000_000_4), "/total", TOTAL).is_err());
        assert!(expect_number(&json!({"total": "2.4"}), "/total", TOTAL).is_err());
        assert!(expect_number(&json!({"left": 70.0}), "/left", LEFT).is_ok());
        assert!(expect_number(&json!({}), "/left", LEFT).is_err());
    }
}
