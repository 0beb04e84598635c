//! The seed's rows.

use chrono::{DateTime, NaiveTime, SecondsFormat, TimeDelta, Utc};
use p2p_domain::Clock;
use rust_decimal::Decimal;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement, Value};
use serde_json::json;

/// A span of hours of one day.
type Hours = (i64, i64);

/// A provider with trust, one item and one offer.
struct Listing {
    provider_id: &'static str,
    provider_name: &'static str,
    trust_score: f64,
    total_orders: i64,
    successful_orders: i64,
    item_id: &'static str,
    meter_id: &'static str,
    item_kwh: i64,
    production: Hours,
    offer_id: &'static str,
    offer_kwh: i64,
    cents_per_kwh: i64,
    delivery: Hours,
}

const LISTINGS: [Listing; 2] = [
    Listing {
        provider_id: "provider-solar-alpha",
        provider_name: "Alpha Solar Energy",
        trust_score: 0.85,
        total_orders: 20,
        successful_orders: 17,
        item_id: "item-solar-001",
        meter_id: "MTR-ALPHA-001",
        item_kwh: 100,
        production: (8, 18),
        offer_id: "offer-alpha-morning",
        offer_kwh: 50,
        cents_per_kwh: 10,
        delivery: (10, 14),
    },
    Listing {
        provider_id: "provider-solar-beta",
        provider_name: "Beta Green Power",
        trust_score: 0.60,
        total_orders: 5,
        successful_orders: 3,
        item_id: "item-solar-002",
        meter_id: "MTR-BETA-001",
        item_kwh: 150,
        production: (6, 20),
        offer_id: "offer-beta-afternoon",
        offer_kwh: 100,
        cents_per_kwh: 8,
        delivery: (12, 18),
    },
];

const PROVIDER: &str = "INSERT INTO catalog.providers (id, name) VALUES ($1, $2)";
const TRUST: &str = "
    INSERT INTO matching.provider_trust (provider_id, trust_score, total_orders, successful_orders)
    VALUES ($1, $2, $3, $4)";
const ITEM: &str = "
    INSERT INTO catalog.catalog_items
        (id, provider_id, source_type, delivery_mode, meter_id, production_windows_json, total_qty, available_qty)
    VALUES ($1, $2, 'SOLAR', 'SCHEDULED', $3, $4, $5, $5)";
const OFFER: &str = "
    INSERT INTO catalog.catalog_offers
        (id, item_id, provider_id, source_type, price_value, currency, block_qty, max_qty, available_qty,
         time_window_start, time_window_end, pricing_model, settlement_type)
    VALUES ($1, $2, $3, 'SOLAR', $4, 'USD', 1, $5, $5, $6, $7, 'PER_KWH', 'DAILY')";
const FREE_RUN: &str =
    "INSERT INTO catalog.block_runs (offer_id, first_block, blocks, status) VALUES ($1, 0, $2, 'AVAILABLE')";

/// Inserts the listings, dated tomorrow.
pub(super) async fn insert(transaction: &DatabaseTransaction, clock: &Clock) -> Result<(), DbErr> {
    let tomorrow = clock.now().date_naive().and_time(NaiveTime::MIN).and_utc() + TimeDelta::days(1);
    for listing in &LISTINGS {
        for (sql, values) in listing.rows(tomorrow) {
            let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
            transaction.execute_raw(statement).await?;
        }
    }
    Ok(())
}

impl Listing {
    /// The inserts, parents first.
    fn rows(&self, day: DateTime<Utc>) -> [(&'static str, Vec<Value>); 5] {
        let hour = |hour| day + TimeDelta::hours(hour);
        let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let (produces, stops) = self.production;
        let windows = json!([{ "startTime": text(hour(produces)), "endTime": text(hour(stops)) }]);
        let (starts, ends) = self.delivery;
        let price = Decimal::new(self.cents_per_kwh, 2);
        let (item_kwh, offer_kwh) = (Decimal::from(self.item_kwh), Decimal::from(self.offer_kwh));
        let Self { provider_id, item_id, offer_id, .. } = *self;
        [
            (PROVIDER, vec![provider_id.into(), self.provider_name.into()]),
            (
                TRUST,
                vec![
                    provider_id.into(),
                    self.trust_score.into(),
                    self.total_orders.into(),
                    self.successful_orders.into(),
                ],
            ),
            (
                ITEM,
                vec![
                    item_id.into(),
                    provider_id.into(),
                    self.meter_id.into(),
                    windows.into(),
                    item_kwh.into(),
                ],
            ),
            (
                OFFER,
                vec![
                    offer_id.into(),
                    item_id.into(),
                    provider_id.into(),
                    price.into(),
                    offer_kwh.into(),
                    hour(starts).into(),
                    hour(ends).into(),
                ],
            ),
            (FREE_RUN, vec![offer_id.into(), self.offer_kwh.into()]),
        ]
    }
}
