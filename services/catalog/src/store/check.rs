//! Invariants 1 and 2 of the design, as SQL: each query finds what breaks one.

use sea_orm::{AccessMode, ConnectionTrait, DatabaseTransaction, IsolationLevel, TransactionTrait};

use super::{Store, sql};
use crate::Error;

/// Rows of each rule.
const MOST: i64 = 100;

/// Whole tables are read at once, for longer than any other statement, by a plan for the tables as they are.
const SETTINGS: &str = "
    SET LOCAL statement_timeout = '5min';
    SET LOCAL enable_seqscan = on;
    SET LOCAL plan_cache_mode = force_custom_plan;
    SET LOCAL work_mem = '64MB'";

/// A rule in a sentence, and the query that finds the rows that break it, as a text each.
const RULES: [(&str, &str); 9] = [
    (
        "an item's counters are the sums of its offers'",
        "SELECT format('item %s: %s kWh reserved and %s sold, its offers %s and %s',
                       i.id, i.reserved_qty, i.sold_qty, coalesce(o.reserved, 0), coalesce(o.sold, 0))
         FROM catalog_items i LEFT JOIN (
             SELECT item_id, sum(reserved_qty) AS reserved, sum(sold_qty) AS sold FROM catalog_offers GROUP BY item_id
         ) o ON o.item_id = i.id
         WHERE i.reserved_qty <> coalesce(o.reserved, 0) OR i.sold_qty <> coalesce(o.sold, 0)",
    ),
    (
        "available + reserved + sold = total, none below zero",
        "SELECT format('item %s: %s + %s + %s of %s kWh', id, available_qty, reserved_qty, sold_qty, total_qty)
         FROM catalog_items
         WHERE available_qty + reserved_qty + sold_qty <> total_qty
            OR least(available_qty, reserved_qty, sold_qty) < 0
         UNION ALL
         SELECT format('offer %s: %s + %s + %s of %s kWh', id, available_qty, reserved_qty, sold_qty, max_qty)
         FROM catalog_offers
         WHERE available_qty + reserved_qty + sold_qty <> max_qty
            OR least(available_qty, reserved_qty, sold_qty) < 0",
    ),
    (
        "runs follow one another from block 0 without gap or overlap",
        "SELECT format('offer %s: a run begins at block %s, not at %s', offer_id, first_block, expected)
         FROM (
             SELECT offer_id, first_block, coalesce(lag(first_block + blocks)
                 OVER (PARTITION BY offer_id ORDER BY first_block), 0) AS expected
             FROM block_runs
         ) run
         WHERE first_block <> expected",
    ),
    (
        "runs sum to the offer's counters",
        "SELECT format('offer %s: %s blocks free, %s held, %s sold; %s + %s + %s of %s kWh by %s', o.id,
                       coalesce(run.free, 0), coalesce(run.held, 0), coalesce(run.sold, 0),
                       o.available_qty, o.reserved_qty, o.sold_qty, o.max_qty, o.block_qty)
         FROM catalog_offers o LEFT JOIN (
             SELECT offer_id, sum(blocks) AS blocks,
                    sum(blocks) FILTER (WHERE status = 'AVAILABLE') AS free,
                    sum(blocks) FILTER (WHERE status = 'RESERVED') AS held,
                    sum(blocks) FILTER (WHERE status = 'SOLD') AS sold
             FROM block_runs GROUP BY offer_id
         ) run ON run.offer_id = o.id
         WHERE coalesce(run.blocks, 0) * o.block_qty <> o.max_qty
            OR coalesce(run.free, 0) * o.block_qty <> o.available_qty
            OR coalesce(run.held, 0) * o.block_qty <> o.reserved_qty
            OR coalesce(run.sold, 0) * o.block_qty <> o.sold_qty",
    ),
    (
        "no two runs of one use meet, but of orders",
        "SELECT format('offer %s: a run begins at block %s, where another %s one ends', offer_id, first_block, status)
         FROM (
             SELECT offer_id, first_block, status, order_id, lag(status) OVER run AS status_before,
                    lag(order_id) OVER run AS order_before, lag(first_block + blocks) OVER run AS end_before
             FROM block_runs WINDOW run AS (PARTITION BY offer_id ORDER BY first_block)
         ) run
         WHERE status = status_before AND order_id IS NULL AND order_before IS NULL AND first_block = end_before",
    ),
    (
        "a run that an order has belongs to a reservation that holds or sold it",
        "SELECT format('offer %s: the run at block %s is %s to order %s, whose reservation is %s',
                       run.offer_id, run.first_block, run.status, run.order_id, coalesce(r.status, 'unknown'))
         FROM block_runs run LEFT JOIN reservations r USING (order_id)
         WHERE run.order_id IS NOT NULL
           AND (run.status, coalesce(r.status, '')) NOT IN (('RESERVED', 'HELD'), ('SOLD', 'SOLD'))",
    ),
    (
        "only of an offer that came by sync are blocks taken elsewhere",
        "SELECT format('offer %s: the run at block %s is %s to nobody', run.offer_id, run.first_block, run.status)
         FROM block_runs run JOIN catalog_offers o ON o.id = run.offer_id
         WHERE run.order_id IS NULL AND run.status <> 'AVAILABLE' AND o.origin <> 'SYNC'",
    ),
    (
        "what an order holds or bought has exactly its quantity in runs",
        "SELECT format('order %s: %s Wh of offer %s, and %s Wh in runs',
                       order_id, coalesce(lot.wh, 0), offer_id, coalesce(run.wh, 0))
         FROM (
             SELECT r.order_id, line ->> 'offer_id' AS offer_id, sum((line ->> 'quantity_wh')::numeric) AS wh
             FROM reservations r CROSS JOIN LATERAL jsonb_array_elements(r.lines) AS line
             WHERE r.status IN ('HELD', 'SOLD') GROUP BY 1, 2
         ) lot FULL JOIN (
             SELECT b.order_id, b.offer_id, sum(b.blocks * o.block_qty * 1000) AS wh
             FROM block_runs b JOIN catalog_offers o ON o.id = b.offer_id
             WHERE b.order_id IS NOT NULL GROUP BY 1, 2
         ) run USING (order_id, offer_id)
         WHERE coalesce(lot.wh, 0) <> coalesce(run.wh, 0)",
    ),
    (
        "reserved and sold are the sums of what orders and others hold and bought",
        "SELECT format('offer %s: %s kWh reserved and %s sold; orders %s and %s, elsewhere %s and %s blocks',
                       o.id, o.reserved_qty, o.sold_qty, coalesce(lot.held, 0), coalesce(lot.sold, 0),
                       coalesce(run.held, 0), coalesce(run.sold, 0))
         FROM catalog_offers o LEFT JOIN (
             SELECT line ->> 'offer_id' AS offer_id,
                    sum((line ->> 'quantity_wh')::numeric) FILTER (WHERE r.status = 'HELD') / 1000 AS held,
                    sum((line ->> 'quantity_wh')::numeric) FILTER (WHERE r.status = 'SOLD') / 1000 AS sold
             FROM reservations r CROSS JOIN LATERAL jsonb_array_elements(r.lines) AS line
             WHERE r.status IN ('HELD', 'SOLD') GROUP BY 1
         ) lot ON lot.offer_id = o.id LEFT JOIN (
             SELECT offer_id, sum(blocks) FILTER (WHERE status = 'RESERVED') AS held,
                    sum(blocks) FILTER (WHERE status = 'SOLD') AS sold
             FROM block_runs WHERE order_id IS NULL AND status <> 'AVAILABLE' GROUP BY offer_id
         ) run ON run.offer_id = o.id
         WHERE coalesce(lot.held, 0) + coalesce(run.held, 0) * o.block_qty <> o.reserved_qty
            OR coalesce(lot.sold, 0) + coalesce(run.sold, 0) * o.block_qty <> o.sold_qty",
    ),
];

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule, in a sentence.
    pub rule: &'static str,
    /// The row that breaks it, and how.
    pub what: String,
}

impl Store {
    /// What breaks a rule, all read in one snapshot.
    pub(crate) async fn check(&self) -> Result<Vec<Violation>, Error> {
        let (isolation, access) = (IsolationLevel::RepeatableRead, AccessMode::ReadOnly);
        let snapshot = self.db.begin_with_config(Some(isolation), Some(access)).await?;
        snapshot.execute_unprepared(SETTINGS).await?;
        let mut violations = Vec::new();
        for (rule, query) in RULES {
            let broken = broken(&snapshot, query).await?;
            violations.extend(broken.into_iter().map(|what| Violation { rule, what }));
        }
        snapshot.commit().await?;
        Ok(violations)
    }
}

/// Apart from its limit the query is planned for all rows: a sound stock has none to find early.
async fn broken(snapshot: &DatabaseTransaction, query: &str) -> Result<Vec<String>, Error> {
    let query = format!("WITH broken (what) AS MATERIALIZED ({query}) SELECT what FROM broken LIMIT $1");
    let rows = snapshot.query_all_raw(sql(&query, [MOST.into()])).await?;
    rows.iter().map(|row| Ok(row.try_get("", "what")?)).collect()
}
