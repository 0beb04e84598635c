//! What the service finds when it checks its stock.

use p2p_catalog::{app::check_stock::check_stock, store::Store};
use p2p_proto::catalog::{BlockStatus, CheckStockRequest};
use sea_orm::ConnectionTrait;

use crate::service::{Catalog, offer, order, reason};

/// The rules that are broken, each with the row that breaks it.
pub async fn violations(store: &Store) -> Vec<String> {
    let violations = check_stock(store).await.unwrap();
    violations.into_iter().map(|violation| format!("{}: {}", violation.rule, violation.what)).collect()
}

impl Catalog {
    pub async fn violations(&self) -> Vec<String> {
        let checked = self.client.clone().check_stock(CheckStockRequest {}).await.unwrap().into_inner();
        checked.violations.into_iter().map(|v| format!("{}: {}", v.rule, v.what)).collect()
    }

    pub async fn assert_sound(&self) {
        assert_eq!(self.violations().await, [""; 0]);
    }

    async fn breaks(&self, sql: &str) {
        self.db.execute_unprepared(sql).await.unwrap();
    }
}

/// Offer o of 50 kWh with 30 held and 5 sold, offer u of 10 by sync with 3 sold elsewhere.
async fn traded() -> (Catalog, String) {
    let catalog = Catalog::with_item(100).await;
    catalog.offer(offer("o", 50)).await.unwrap();
    catalog.sync(10).await;
    let (held, sold) = (order(), order());
    catalog.reserve(held, &[("o", 30_000)]).await.unwrap();
    catalog.reserve(sold, &[("o", 5_000)]).await.unwrap();
    catalog.sell(sold).await.unwrap();
    catalog.tell("u", &[4, 5, 6], BlockStatus::Sold).await.unwrap();
    catalog.assert_sound().await;
    (catalog, held.to_string())
}

#[tokio::test]
async fn each_rule_names_the_row_that_breaks_it() {
    let (catalog, held) = traded().await;
    let cases = [
        (
            "UPDATE catalog_items SET reserved_qty = 29, available_qty = 66 WHERE id = 'i'",
            "an item's counters are the sums of its offers': item i: 29.000 kWh reserved and 5.000 sold, its offers \
             30.000 and 5.000"
                .to_owned(),
        ),
        (
            "ALTER TABLE catalog_items DROP CONSTRAINT catalog_items_counters;
             UPDATE catalog_items SET total_qty = 101 WHERE id = 'i'",
            "available + reserved + sold = total, none below zero: item i: 65.000 + 30.000 + 5.000 of 101.000 kWh"
                .to_owned(),
        ),
        (
            "UPDATE block_runs SET first_block = 49 WHERE offer_id = 'o' AND status = 'SOLD'",
            "runs follow one another from block 0 without gap or overlap: offer o: a run begins at block 20, not at 15"
                .to_owned(),
        ),
        (
            "UPDATE block_runs SET blocks = 14 WHERE offer_id = 'o' AND status = 'AVAILABLE'",
            "runs sum to the offer's counters: offer o: 14 blocks free, 30 held, 5 sold; 15.000 + 30.000 + 5.000 of \
             50.000 kWh by 1.000"
                .to_owned(),
        ),
        (
            "UPDATE block_runs SET blocks = 3 WHERE offer_id = 'u' AND first_block = 0;
             INSERT INTO block_runs (offer_id, first_block, blocks, status) VALUES ('u', 3, 1, 'AVAILABLE')",
            "no two runs of one use meet, but of orders: offer u: a run begins at block 3, where another AVAILABLE one \
             ends"
                .to_owned(),
        ),
        (
            "UPDATE reservations SET status = 'RELEASED' WHERE status = 'HELD'",
            format!(
                "a run that an order has belongs to a reservation that holds or sold it: offer o: the run at block 20 \
                 is RESERVED to order {held}, whose reservation is RELEASED"
            ),
        ),
        (
            "UPDATE catalog_offers SET origin = 'SELLER' WHERE id = 'u'",
            "only of an offer that came by sync are blocks taken elsewhere: offer u: the run at block 4 is SOLD to \
             nobody"
                .to_owned(),
        ),
        (
            "UPDATE reservations SET lines = jsonb_set(lines, '{0,quantity_wh}', '31000') WHERE status = 'HELD'",
            format!(
                "what an order holds or bought has exactly its quantity in runs: order {held}: 31000 Wh of offer o, \
                 and 30000.000 Wh in runs"
            ),
        ),
        (
            "UPDATE block_runs SET order_id = NULL WHERE status = 'RESERVED'",
            format!(
                "what an order holds or bought has exactly its quantity in runs: order {held}: 30000 Wh of offer o, \
                 and 0 Wh in runs"
            ),
        ),
        (
            "UPDATE block_runs SET order_id = 'o' WHERE offer_id = 'u' AND status = 'SOLD'",
            "reserved and sold are the sums of what orders and others hold and bought: offer u: 0.000 kWh reserved \
             and 3.000 sold; orders 0 and 0, elsewhere 0 and 0 blocks"
                .to_owned(),
        ),
    ];
    for (sql, expected) in cases {
        let broken = Catalog::over(copy_of(&catalog).await).await;
        broken.breaks(sql).await;
        let found = broken.violations().await;
        assert!(found.contains(&expected), "{sql}: {found:#?}");
    }
    catalog.assert_sound().await;
}

/// The same tables in another database.
async fn copy_of(catalog: &Catalog) -> String {
    let url = p2p_testkit::database().await.unwrap();
    let db = sea_orm::Database::connect(&url).await.unwrap();
    for table in ["providers", "catalog_items", "catalog_offers", "reservations", "block_runs"] {
        let columns = catalog
            .texts(&format!(
                "SELECT string_agg(column_name, ', ') FROM information_schema.columns
                 WHERE table_schema = 'catalog' AND table_name = '{table}' AND is_generated = 'NEVER'"
            ))
            .await;
        let json = catalog.texts(&format!("SELECT json_agg(t)::text FROM {table} t")).await;
        let (columns, json) = (&columns[0], json[0].replace('\'', "''"));
        let insert = format!(
            "INSERT INTO catalog.{table} ({columns})
             SELECT {columns} FROM json_populate_recordset(NULL::catalog.{table}, '{json}')"
        );
        db.execute_unprepared(&insert).await.unwrap();
    }
    url
}

#[tokio::test]
async fn of_each_rule_a_hundred_rows_are_told() {
    let catalog = Catalog::with_item(1_000).await;
    catalog.breaks(
        "INSERT INTO catalog_offers (id, item_id, provider_id, source_type, price_value, currency, block_qty, max_qty,
             available_qty, time_window_start, time_window_end, pricing_model, settlement_type)
         SELECT 'o' || n, 'i', 'p', 'SOLAR', 0.1, 'USD', 1, 5, 5, now(), now() + interval '1 h', 'PER_KWH', 'DAILY'
         FROM generate_series(1, 150) AS n",
    )
    .await;
    let found = catalog.violations().await;
    assert_eq!(found.len(), 100);
    assert!(
        found.iter().all(|found| found.starts_with("runs sum to the offer's counters: offer o")),
        "{found:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stock_is_sound_at_every_moment_while_it_is_traded_and_told() {
    let catalog = Catalog::start().await;
    catalog.sync(10_000).await;
    let trade = async || {
        for n in 0..60 {
            let id = order();
            catalog.reserve(id, &[("u", 3_000)]).await.unwrap();
            if n % 2 == 0 { catalog.release(id, "").await } else { catalog.sell(id).await }.unwrap();
        }
    };
    let tell = async {
        for n in 0..60 {
            let status = if n % 3 == 0 { BlockStatus::Available } else { BlockStatus::Sold };
            if let Err(refused) = catalog.tell("u", &[n % 7, 20 + n], status).await {
                assert_eq!(reason::<()>(Err(refused)), "BLOCK_TAKEN");
            }
        }
    };
    let check = async {
        for _ in 0..40 {
            catalog.assert_sound().await;
        }
    };
    tokio::join!(trade(), trade(), trade(), tell, check);
    catalog.assert_sound().await;
}

/// A million offers with one and a half million runs, and half a million reservations.
const MILLION: &str = "
    INSERT INTO providers (id, name) VALUES ('p', 'P');
    INSERT INTO catalog_items (id, provider_id, source_type, delivery_mode, production_windows_json, total_qty,
                               available_qty, sold_qty)
    SELECT 'item-' || n, 'p', 'SOLAR', 'SCHEDULED', '[]', 1200, 1050, 150 FROM generate_series(0, 99999) AS n;
    INSERT INTO catalog_offers (id, item_id, provider_id, source_type, price_value, currency, block_qty, max_qty,
        available_qty, sold_qty, time_window_start, time_window_end, pricing_model, settlement_type)
    SELECT 'offer-' || n, 'item-' || n / 10, 'p', 'SOLAR', 0.1, 'USD', 1, 120, 120 - n % 2 * 30, n % 2 * 30, now(),
           now() + interval '1 h', 'PER_KWH', 'DAILY'
    FROM generate_series(0, 999999) AS n;
    INSERT INTO reservations (order_id, status, lines)
    SELECT 'order-' || n, 'SOLD', jsonb_build_array(jsonb_build_object('offer_id', 'offer-' || n, 'quantity_wh', 30000))
    FROM generate_series(1, 999999, 2) AS n;
    INSERT INTO block_runs (offer_id, first_block, blocks, status)
    SELECT 'offer-' || n, 0, 120 - n % 2 * 30, 'AVAILABLE' FROM generate_series(0, 999999) AS n;
    INSERT INTO block_runs (offer_id, first_block, blocks, status, order_id)
    SELECT 'offer-' || n, 90, 30, 'SOLD', 'order-' || n FROM generate_series(1, 999999, 2) AS n;";

#[tokio::test]
#[ignore = "makes a million offers; run with --run-ignored all"]
async fn a_million_offers_are_checked_in_seconds() {
    let catalog = Catalog::start().await;
    let setup = format!("SET statement_timeout = 0; {MILLION} RESET statement_timeout;");
    catalog.breaks(&setup).await;
    let began = std::time::Instant::now();
    catalog.assert_sound().await;
    let took = began.elapsed();
    println!("a million offers checked in {took:?}");
    assert!(took.as_secs() < 30, "{took:?}");
}
