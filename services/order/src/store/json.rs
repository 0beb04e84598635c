//! Quotes as `items_json` and `quote_json` hold them.

use chrono::{DateTime, Utc};
use p2p_domain::{Energy, ItemId, Money, OfferId, ProviderId, TimeWindow};
use rust_decimal::Decimal;
use sea_orm::QueryResult;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::{Line, Quote};

/// An element of `items_json`. Decimals are texts, so that nothing rounds them.
#[derive(Serialize, Deserialize)]
struct LineJson {
    item_id: ItemId,
    offer_id: OfferId,
    provider_id: ProviderId,
    quantity_wh: i64,
    price_per_kwh: String,
    price: String,
    window_start: DateTime<Utc>,
    window_end: DateTime<Utc>,
}

/// `quote_json`.
#[derive(Serialize, Deserialize)]
struct QuoteJson {
    provider_id: ProviderId,
    provider_name: String,
    quantity_wh: i64,
    price: String,
    currency: String,
}

pub(super) fn items(quote: &Quote) -> Value {
    let lines = quote.lines.iter().map(|line| LineJson {
        item_id: line.item.clone(),
        offer_id: line.offer.clone(),
        provider_id: line.provider.clone(),
        quantity_wh: line.quantity.wh(),
        price_per_kwh: line.price_per_kwh.amount().to_string(),
        price: line.price.amount().to_string(),
        window_start: line.window.start(),
        window_end: line.window.end(),
    });
    Value::from_iter(lines.map(|line| serde_json::json!(line)))
}

pub(super) fn head(quote: &Quote) -> Value {
    serde_json::json!(QuoteJson {
        provider_id: quote.provider.clone(),
        provider_name: quote.provider_name.clone(),
        quantity_wh: quote.quantity.wh(),
        price: quote.price.amount().to_string(),
        currency: quote.price.currency().to_string(),
    })
}

/// The quote of a row of `orders` or `quotes`.
pub(super) fn quote(row: &QueryResult) -> anyhow::Result<Quote> {
    let head: QuoteJson = serde_json::from_value(row.try_get("", "quote_json")?)?;
    let lines: Vec<LineJson> = serde_json::from_value(row.try_get("", "items_json")?)?;
    let currency = head.currency.parse()?;
    let money = |text: &str| anyhow::Ok(Money::new(text.parse::<Decimal>()?, currency)?);
    let lines = lines.into_iter().map(|line| {
        anyhow::Ok(Line {
            item: line.item_id,
            offer: line.offer_id,
            provider: line.provider_id,
            quantity: Energy::from_wh(line.quantity_wh)?,
            price_per_kwh: money(&line.price_per_kwh)?,
            price: money(&line.price)?,
            window: TimeWindow::new(line.window_start, line.window_end)?,
        })
    });
    Ok(Quote {
        provider: head.provider_id,
        provider_name: head.provider_name,
        lines: lines.collect::<anyhow::Result<_>>()?,
        quantity: Energy::from_wh(head.quantity_wh)?,
        price: money(&head.price)?,
    })
}
