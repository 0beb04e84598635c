//! What the tables say.

use std::time::Duration;

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, Statement};

use crate::client::{PATIENCE, until_within};

/// A look into the database of a system.
#[derive(Debug, Clone)]
pub struct Tables(DatabaseConnection);

impl Tables {
    pub async fn of(url: &str) -> Self {
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        Self(Database::connect(options).await.unwrap())
    }

    /// Changes something.
    pub async fn change(&self, sql: &str) {
        self.0.execute_unprepared(sql).await.unwrap();
    }

    /// One whole number.
    pub async fn number(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(DbBackend::Postgres, format!("SELECT ({sql})::bigint AS n"));
        self.0.query_one_raw(statement).await.unwrap().unwrap().try_get("", "n").unwrap()
    }

    /// One column of text.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        self.asked(sql).await.unwrap()
    }

    /// available, reserved and sold kWh of an offer; guarded and counted alike.
    pub async fn stock(&self, offer: &str) -> [i64; 3] {
        let mut guarded = [0; 3];
        for (n, status) in ["AVAILABLE", "RESERVED", "SOLD"].into_iter().enumerate() {
            let column = format!("{}_qty", status.to_lowercase());
            guarded[n] = self
                .number(&format!("SELECT {column} FROM catalog.catalog_offers WHERE id = '{offer}'"))
                .await;
            let counted = self
                .number(&format!(
                    "SELECT count(*) FROM catalog.offer_blocks WHERE offer_id = '{offer}' AND status = '{status}'"
                ))
                .await;
            assert_eq!(guarded[n], counted, "{status} of {offer}");
        }
        guarded
    }

    /// The same; an error when PostgreSQL is away.
    pub async fn asked(&self, sql: &str) -> Result<Vec<String>, DbErr> {
        let statement =
            Statement::from_string(DbBackend::Postgres, format!("SELECT t FROM ({sql}) AS q (t)"));
        let rows = self.0.query_all_raw(statement).await?;
        rows.iter().map(|row| row.try_get("", "t")).collect()
    }

    /// Waits until nothing is under way: no open work, no message to be sent.
    pub async fn quiet(&self) {
        self.quiet_within(PATIENCE).await;
    }

    /// The same with so much patience.
    pub async fn quiet_within(&self, patience: Duration) {
        until_within(patience, "quiet", async || {
            let open = self.texts(OPEN).await;
            if open.is_empty() { Ok(()) } else { Err(open.join("\n")) }
        })
        .await;
    }

    /// The invariants of the design, as far as the tables of a quiet system show them.
    pub async fn is_sound(&self) {
        self.quiet().await;
        for (what, sql) in UNSOUND {
            let found = self.texts(sql).await;
            assert!(found.is_empty(), "{what}: {found:#?}");
        }
    }
}

const OPEN: &str = "
    SELECT action || ' ' || message_id || ' is ' || status || ' under ' || lease_gateway
    FROM orders.inbox WHERE status <> 'DONE'
    UNION ALL
    SELECT action || ' ' || message_id || ' to ' || uri || ' after ' || attempts || ' tries: ' || last_error
    FROM orders.outbox WHERE status = 'PENDING'";

const UNSOUND: [(&str, &str); 6] = [
    ("counters that do not add up", "
        SELECT id FROM catalog.catalog_offers WHERE available_qty + reserved_qty + sold_qty <> max_qty
        UNION ALL
        SELECT id FROM catalog.catalog_items WHERE available_qty + reserved_qty + sold_qty <> total_qty"),
    ("blocks that are not what the counters say", "
        SELECT o.id FROM catalog.catalog_offers o
        WHERE block_qty * (SELECT coalesce(sum(blocks), 0) FROM catalog.block_runs WHERE offer_id = o.id AND status = 'SOLD') <> sold_qty
           OR block_qty * (SELECT coalesce(sum(blocks), 0) FROM catalog.block_runs WHERE offer_id = o.id AND status = 'RESERVED') <> reserved_qty
           OR block_qty * (SELECT coalesce(sum(blocks), 0) FROM catalog.block_runs WHERE offer_id = o.id AND status = 'AVAILABLE') <> available_qty"),
    ("ACTIVE without SOLD blocks, PENDING without HELD ones", "
        SELECT o.id::text || ' ' || o.status || ' ' || coalesce(r.status, 'nothing') FROM orders.orders o
        LEFT JOIN catalog.reservations r ON r.order_id = o.id::text
        WHERE (o.status IN ('ACTIVE', 'COMPLETED')) <> coalesce(r.status = 'SOLD', false)
           OR (o.status = 'PENDING') <> coalesce(r.status = 'HELD', false)
           OR o.status NOT IN ('PENDING', 'ACTIVE', 'COMPLETED', 'CANCELLED', 'EXPIRED')"),
    ("blocks of no order", "
        SELECT r.order_id FROM catalog.reservations r
        WHERE r.status IN ('HELD', 'SOLD') AND NOT EXISTS (SELECT 1 FROM orders.orders o WHERE o.id::text = r.order_id)"),
    ("an acknowledged action with more or less than one callback", "
        SELECT i.action || ' ' || i.message_id || ' has ' || count(o.id) FROM orders.inbox i
        LEFT JOIN orders.outbox o ON o.action = regexp_replace(i.action, '^(.*/)?', '\\1on_') AND o.message_id = i.message_id AND o.bap_id = i.bap_id
        WHERE i.action !~ '^(.*/)?on_[^/]*$' AND i.error_code IS NULL
        GROUP BY i.action, i.message_id HAVING count(o.id) <> 1"),
    ("an order that was sold at another price than it was quoted", "
        SELECT id::text FROM orders.orders WHERE (quote_json ->> 'price')::numeric <> total_price"),
];
