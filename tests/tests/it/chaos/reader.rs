//! Reads invariants 1 and 2 of the design while everything goes on: all of them in one statement, so in one snapshot.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::time::sleep;

use super::market::Market;
use crate::sql::Tables;

const PAUSE: Duration = Duration::from_millis(500);

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
    WHERE (t.blocks, t.status) IS DISTINCT FROM (p.kwh, p.status)";

/// Looks again and again, and tells the market what is left; until it is told to end.
pub async fn reads(tables: &Tables, market: &Market, ends: &AtomicBool) -> usize {
    let mut looks = 0;
    while !ends.load(Ordering::Relaxed) {
        // Away while PostgreSQL is.
        if let Ok(broken) = tables.asked(BROKEN).await {
            assert!(broken.is_empty(), "at any moment: {broken:#?}");
            looks += 1;
        }
        let _ = market.look(tables).await;
        sleep(PAUSE).await;
    }
    looks
}
