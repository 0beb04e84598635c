//! Invariants 1 and 2 of the design, as SQL: each query finds what breaks one.

use sea_orm::DatabaseConnection;

use crate::service::{Catalog, rows};

const BROKEN: [(&str, &str); 8] = [
    (
        "an item's counters are the sums of its offers'",
        "SELECT i.id FROM catalog_items i JOIN catalog_offers o ON o.item_id = i.id GROUP BY i.id
         HAVING i.reserved_qty <> sum(o.reserved_qty) OR i.sold_qty <> sum(o.sold_qty)",
    ),
    (
        "available + reserved + sold = total, none below zero",
        "SELECT id FROM catalog_items WHERE available_qty + reserved_qty + sold_qty <> total_qty
           OR least(available_qty, reserved_qty, sold_qty) < 0
         UNION ALL
         SELECT id FROM catalog_offers WHERE available_qty + reserved_qty + sold_qty <> max_qty
           OR least(available_qty, reserved_qty, sold_qty) < 0",
    ),
    (
        "runs follow one another from block 0 without gap or overlap",
        "SELECT * FROM (SELECT offer_id, first_block, coalesce(lag(first_block + blocks)
             OVER (PARTITION BY offer_id ORDER BY first_block), 0) AS expected FROM block_runs) run
         WHERE first_block <> expected",
    ),
    (
        "runs sum to the offer's counters",
        "SELECT o.id FROM catalog_offers o LEFT JOIN block_runs r ON r.offer_id = o.id GROUP BY o.id
         HAVING coalesce(sum(r.blocks), 0) * o.block_qty <> o.max_qty
             OR coalesce(sum(r.blocks) FILTER (WHERE r.status = 'AVAILABLE'), 0) * o.block_qty <> o.available_qty
             OR coalesce(sum(r.blocks) FILTER (WHERE r.status = 'RESERVED'), 0) * o.block_qty <> o.reserved_qty
             OR coalesce(sum(r.blocks) FILTER (WHERE r.status = 'SOLD'), 0) * o.block_qty <> o.sold_qty",
    ),
    (
        "no two free runs meet",
        "SELECT a.offer_id, a.first_block FROM block_runs a JOIN block_runs b
             ON b.offer_id = a.offer_id AND b.first_block = a.first_block + a.blocks
         WHERE a.status = 'AVAILABLE' AND b.status = 'AVAILABLE'",
    ),
    (
        "a taken run belongs to a reservation that holds or sold it",
        "SELECT run.offer_id, run.first_block FROM block_runs run LEFT JOIN reservations r USING (order_id)
         WHERE run.order_id IS NOT NULL
           AND (run.status, coalesce(r.status, '')) NOT IN (('RESERVED', 'HELD'), ('SOLD', 'SOLD'))",
    ),
    (
        "what is held or sold has exactly its quantity in runs",
        "SELECT r.order_id FROM reservations r CROSS JOIN LATERAL jsonb_array_elements(r.lines) line
         WHERE r.status IN ('HELD', 'SOLD') AND (line ->> 'quantity_wh')::numeric <> (
             SELECT coalesce(sum(run.blocks * o.block_qty * 1000), 0) FROM block_runs run
             JOIN catalog_offers o ON o.id = run.offer_id
             WHERE run.order_id = r.order_id AND run.offer_id = line ->> 'offer_id')",
    ),
    (
        "reserved and sold are the sums of what reservations hold and sold",
        "SELECT o.id FROM catalog_offers o LEFT JOIN (
             SELECT line ->> 'offer_id' AS offer_id, r.status, (line ->> 'quantity_wh')::numeric / 1000 AS qty
             FROM reservations r CROSS JOIN LATERAL jsonb_array_elements(r.lines) line
         ) lot ON lot.offer_id = o.id GROUP BY o.id
         HAVING coalesce(sum(lot.qty) FILTER (WHERE lot.status = 'HELD'), 0) <> o.reserved_qty
             OR coalesce(sum(lot.qty) FILTER (WHERE lot.status = 'SOLD'), 0) <> o.sold_qty",
    ),
];

/// The rules that are broken, each with the rows that break it.
pub async fn violations(db: &DatabaseConnection) -> Vec<String> {
    let mut violations = Vec::new();
    for (rule, query) in BROKEN {
        let broken = rows(db, query).await;
        if !broken.is_empty() {
            violations.push(format!("{rule}: {broken:?}"));
        }
    }
    violations
}

impl Catalog {
    pub async fn assert_sound(&self) {
        assert_eq!(violations(&self.db).await, [""; 0]);
    }
}
