//! Reads invariants 1 and 2 of the design while everything goes on, and that what is ACTIVE is sold, all of them in one
//! statement, so in one snapshot; and follows orders along the arrows of invariant 4.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use p2p_runtime::postgres::is_passing;
use sea_orm::DbErr;
use tokio::time::sleep;

use super::market::Market;
use crate::sql::Tables;

const PAUSE: Duration = Duration::from_millis(500);
/// Longer than PostgreSQL is ever away between two looks.
const WRITTEN_LATELY: Duration = Duration::from_secs(60);

/// A row for whatever breaks one.
pub const BROKEN: &str = "
    WITH runs AS (
        SELECT offer_id, first_block, blocks, status, order_id,
               coalesce(lag(first_block + blocks) OVER (PARTITION BY offer_id ORDER BY first_block), 0) AS expected
        FROM catalog.block_runs
    ), sums AS (
        SELECT offer_id, sum(blocks) AS blocks,
               coalesce(sum(blocks) FILTER (WHERE status = 'AVAILABLE'), 0) AS available,
               coalesce(sum(blocks) FILTER (WHERE status = 'RESERVED'), 0) AS reserved,
               coalesce(sum(blocks) FILTER (WHERE status = 'SOLD'), 0) AS sold
        FROM catalog.block_runs GROUP BY offer_id
    ), taken AS (
        SELECT order_id, offer_id, status, sum(blocks) AS blocks
        FROM catalog.block_runs WHERE order_id IS NOT NULL GROUP BY order_id, offer_id, status
    ), promised AS (
        SELECT order_id, line ->> 'offer_id' AS offer_id, sum((line ->> 'quantity_wh')::bigint) / 1000 AS kwh,
               CASE status WHEN 'HELD' THEN 'RESERVED' ELSE 'SOLD' END AS status
        FROM catalog.reservations, jsonb_array_elements(lines) AS line
        WHERE status IN ('HELD', 'SOLD') GROUP BY order_id, line ->> 'offer_id', status
    )
    SELECT format('item %s has %s + %s + %s of %s kWh', id, available_qty, reserved_qty, sold_qty, total_qty)
    FROM catalog.catalog_items
    WHERE available_qty + reserved_qty + sold_qty <> total_qty OR least(available_qty, reserved_qty, sold_qty) < 0
    UNION ALL
    SELECT format('offer %s has %s + %s + %s of %s kWh', id, available_qty, reserved_qty, sold_qty, max_qty)
    FROM catalog.catalog_offers
    WHERE available_qty + reserved_qty + sold_qty <> max_qty OR least(available_qty, reserved_qty, sold_qty) < 0
    UNION ALL
    SELECT format('item %s has %s kWh held and %s sold, its offers %s and %s', i.id, i.reserved_qty, i.sold_qty,
                  sum(o.reserved_qty), sum(o.sold_qty))
    FROM catalog.catalog_items i JOIN catalog.catalog_offers o ON o.item_id = i.id
    GROUP BY i.id HAVING i.reserved_qty <> sum(o.reserved_qty) OR i.sold_qty <> sum(o.sold_qty)
    UNION ALL
    SELECT format('offer %s has a run at block %s, not at %s', offer_id, first_block, expected)
    FROM runs WHERE first_block <> expected
    UNION ALL
    SELECT format('offer %s says %s + %s + %s, its runs %s + %s + %s', id, available_qty, reserved_qty, sold_qty,
                  available, reserved, sold)
    FROM catalog.catalog_offers LEFT JOIN sums ON offer_id = id
    WHERE (blocks, available, reserved, sold) IS DISTINCT FROM (max_qty, available_qty, reserved_qty, sold_qty)
    UNION ALL
    SELECT format('order %s has %s blocks %s of offer %s and was promised %s %s',
                  coalesce(t.order_id, p.order_id), t.blocks, t.status, coalesce(t.offer_id, p.offer_id), p.kwh, p.status)
    FROM taken t FULL JOIN promised p ON p.order_id = t.order_id AND p.offer_id = t.offer_id
    WHERE (t.blocks, t.status) IS DISTINCT FROM (p.kwh, p.status)
    UNION ALL
    SELECT format('order %s is %s and its reservation %s', o.id, o.status, coalesce(r.status, 'none'))
    FROM orders.orders o LEFT JOIN catalog.reservations r ON r.order_id = o.id::text
    WHERE o.status IN ('ACTIVE', 'COMPLETED') AND r.status IS DISTINCT FROM 'SOLD'";

/// Where an order may be seen after it was seen there (design.md, section 4): every arrow, and what follows it.
fn may_become(before: &str, after: &str) -> bool {
    let then: &[&str] = match before {
        "DRAFT" => return true,
        "PENDING" => &["ACTIVE", "COMPLETED", "CANCELLING", "CANCELLED", "EXPIRING", "EXPIRED"],
        "EXPIRING" => &["EXPIRED", "ACTIVE", "COMPLETED", "CANCELLING", "CANCELLED"],
        "ACTIVE" => &["COMPLETED", "CANCELLING", "CANCELLED"],
        "CANCELLING" => &["CANCELLED"],
        _ => &[],
    };
    before == after || then.contains(&after)
}

/// Orders as they were seen last.
#[derive(Debug, Default)]
struct Seen(HashMap<String, String>);

impl Seen {
    /// Sees those that were written lately, and answers which went where there is no arrow.
    async fn astray(&mut self, tables: &Tables) -> Result<Vec<String>, DbErr> {
        let sql = format!(
            "SELECT id || ' ' || status FROM orders.orders WHERE updated_at > now() - interval '{} s'",
            WRITTEN_LATELY.as_secs()
        );
        let mut astray = Vec::new();
        for row in tables.asked(&sql).await? {
            let (id, after) = row.split_once(' ').expect("two words");
            let before = self.0.insert(id.to_owned(), after.to_owned());
            if before.as_ref().is_some_and(|before| !may_become(before, after)) {
                astray.push(format!("order {id} was {before:?} and is {after}"));
            }
        }
        Ok(astray)
    }
}

async fn look(tables: &Tables, seen: &mut Seen, market: &Market) -> Result<(), DbErr> {
    let (broken, astray) = (tables.asked(BROKEN).await?, seen.astray(tables).await?);
    assert!(broken.is_empty(), "at any moment: {broken:#?}");
    assert!(astray.is_empty(), "at any moment: {astray:#?}");
    market.look(tables).await
}

/// Looks again and again, and tells the market what is left; until it is told to end. Answers how often it looked.
pub async fn reads(tables: &Tables, market: &Market, ends: &AtomicBool) -> usize {
    let (mut seen, mut looks) = (Seen::default(), 0);
    while !ends.load(Ordering::Relaxed) {
        match look(tables, &mut seen, market).await {
            Ok(()) => looks += 1,
            // PostgreSQL is away.
            Err(error) => assert!(is_passing(&error), "{error:?}"),
        }
        sleep(PAUSE).await;
    }
    looks
}
