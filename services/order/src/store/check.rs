//! What the reconciler reads: orders that nobody works on, and what contradicts itself in orders and messages.

use std::{collections::HashSet, time::Duration};

use p2p_domain::OrderId;
use sea_orm::{AccessMode, ConnectionTrait, IsolationLevel, TransactionTrait};
use uuid::Uuid;

use super::{Store, millis, row, sql};
use crate::{app::Violation, domain::Order, error::Error};

/// An order that has not changed for $1 milliseconds, and no action of its trade is under way.
const QUIET: &str = "o.updated_at < now() - $1 * interval '1 millisecond' AND NOT EXISTS (
    SELECT 1 FROM orders.inbox i
    WHERE i.bap_id = o.bap_id AND i.transaction_id = o.transaction_id AND i.status <> 'DONE')";

/// Each query says in a sentence what breaks its rule; $1 are the milliseconds after which things are quiet.
const RULES: [(&str, &str); 7] = [
    (
        "an acknowledged action has exactly one callback",
        "SELECT i.action || ' ' || i.message_id || ' of transaction ' || i.transaction_id || ' has ' || count(o.id)
                || ' callbacks' AS what
         FROM orders.inbox i
         LEFT JOIN orders.outbox o ON o.bap_id = i.bap_id AND o.transaction_id = i.transaction_id
               AND o.message_id = i.message_id AND o.action = regexp_replace(i.action, '^(.*/)?', '\\1on_')
         WHERE i.status = 'DONE' AND i.error_code IS NULL AND i.action !~ '^(.*/)?on_[^/]*$'
           AND i.created_at < now() - $1 * interval '1 millisecond'
         GROUP BY i.sender, i.action, i.message_id HAVING count(o.id) <> 1 LIMIT 100",
    ),
    (
        "an accepted action is worked on until its callback is made",
        "SELECT i.action || ' ' || i.message_id || ' of transaction ' || i.transaction_id || ' is left lying' AS what
         FROM orders.inbox i
         WHERE i.status <> 'DONE' AND i.lease_until < now() - $1 * interval '1 millisecond'
           AND NOT EXISTS (
               SELECT 1 FROM orders.inbox p
               WHERE p.bap_id = i.bap_id AND p.transaction_id = i.transaction_id AND p.status <> 'DONE'
                 AND p.seq < i.seq)
         LIMIT 100",
    ),
    (
        "a message is delivered, or tried again, or dead",
        "SELECT action || ' ' || message_id || ' of transaction ' || transaction_id || ' is left lying' AS what
         FROM orders.outbox
         WHERE status = 'PENDING' AND greatest(due_at, lease_until) < now() - $1 * interval '1 millisecond'
         LIMIT 100",
    ),
    (
        "what was delivered has a text",
        "SELECT o.action || ' ' || o.message_id || ' of transaction ' || o.transaction_id || ' has none' AS what
         FROM orders.outbox o LEFT JOIN orders.events e ON e.id = o.event_id
         WHERE o.status = 'DELIVERED' AND e.id IS NULL LIMIT 100",
    ),
    (
        "a transaction has at most one live order",
        "SELECT 'transaction ' || transaction_id || ' of ' || bap_id || ' has ' || count(*) AS what
         FROM orders.orders WHERE status IN ('DRAFT', 'PENDING', 'ACTIVE', 'CANCELLING', 'EXPIRING')
         GROUP BY bap_id, transaction_id HAVING count(*) > 1 LIMIT 100",
    ),
    (
        "an order costs what its quote says, and has its quantity",
        "SELECT 'order ' || id || ' of ' || total_qty || ' kWh costs ' || total_price AS what
         FROM orders.orders CROSS JOIN LATERAL (
             SELECT sum((line ->> 'price')::numeric) AS price, sum((line ->> 'quantity_wh')::numeric) AS wh,
                    bool_and((line ->> 'price')::numeric
                             = (line ->> 'price_per_kwh')::numeric * (line ->> 'quantity_wh')::numeric / 1000) AS exact
             FROM jsonb_array_elements(items_json) AS line
         ) lines
         WHERE total_price <> lines.price OR total_price <> (quote_json ->> 'price')::numeric
            OR total_qty * 1000 <> lines.wh OR NOT lines.exact
         LIMIT 100",
    ),
    (
        "no hold outlives its time",
        "SELECT 'order ' || o.id || ' is ' || o.status AS what FROM orders.orders o
         WHERE (o.status IN ('DRAFT', 'PENDING', 'EXPIRING')
                AND o.hold_until < now() - $1 * interval '1 millisecond'
                OR o.status = 'CANCELLING' AND o.updated_at < now() - $1 * interval '1 millisecond')
           AND NOT EXISTS (
               SELECT 1 FROM orders.inbox i
               WHERE i.bap_id = o.bap_id AND i.transaction_id = o.transaction_id AND i.status <> 'DONE')
         LIMIT 100",
    ),
];

/// A check reads whole tables, once.
const FOR_WHOLE_TABLES: &str =
    "SET LOCAL statement_timeout = '10min'; SET LOCAL enable_seqscan = on; SET LOCAL plan_cache_mode = auto";

impl Store {
    /// What contradicts itself in orders and messages, read in one snapshot.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn violations(&self, quiet: Duration) -> Result<Vec<Violation>, Error> {
        let snapshot = self
            .db
            .begin_with_config(Some(IsolationLevel::RepeatableRead), Some(AccessMode::ReadOnly))
            .await?;
        snapshot.execute_unprepared(FOR_WHOLE_TABLES).await?;
        let mut violations = Vec::new();
        for (rule, query) in RULES {
            let bound = if query.contains("$1") { vec![millis(quiet).into()] } else { Vec::new() };
            let query = sea_orm::Statement::from_sql_and_values(sea_orm::DbBackend::Postgres, query, bound);
            for found in snapshot.query_all_raw(query).await? {
                violations.push(Violation { rule: rule.to_owned(), what: found.try_get("", "what")? });
            }
        }
        snapshot.rollback().await?;
        Ok(violations)
    }

    /// Orders that nobody works on, by id, behind the given one.
    ///
    /// # Errors
    /// When the database fails or a row cannot be.
    pub async fn quiet_orders(
        &self,
        after: Option<OrderId>,
        quiet: Duration,
        limit: u32,
    ) -> Result<Vec<Order>, Error> {
        let statement = sea_orm::Statement::from_sql_and_values(
            sea_orm::DbBackend::Postgres,
            format!("SELECT o.* FROM orders.orders o WHERE o.id > $2 AND {QUIET} ORDER BY o.id LIMIT $3"),
            [
                millis(quiet).into(),
                after.map_or(Uuid::nil(), |order| order.0).into(),
                i64::from(limit).into(),
            ],
        );
        self.db.query_all_raw(statement).await?.iter().map(row::order).collect()
    }

    /// The order, if nobody works on it.
    ///
    /// # Errors
    /// When the database fails or the row cannot be.
    pub async fn quiet_order(&self, order: OrderId, quiet: Duration) -> Result<Option<Order>, Error> {
        let statement = sea_orm::Statement::from_sql_and_values(
            sea_orm::DbBackend::Postgres,
            format!("SELECT o.* FROM orders.orders o WHERE o.id = $2 AND {QUIET}"),
            [millis(quiet).into(), order.0.into()],
        );
        self.db.query_one_raw(statement).await?.as_ref().map(row::order).transpose()
    }

    /// Those of the orders that there are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn known_orders(&self, orders: &[OrderId]) -> Result<HashSet<OrderId>, Error> {
        let ids: Vec<Uuid> = orders.iter().map(|order| order.0).collect();
        let statement = sql("SELECT id FROM orders.orders WHERE id = ANY($1::uuid[])", [ids.into()]);
        let found = self.db.query_all_raw(statement).await?;
        found.iter().map(|found| Ok(OrderId(found.try_get("", "id")?))).collect()
    }
}
