//! Counts what is in the database, for metrics. Every part reads an index that holds only what it counts, and stops at
//! a bound.

use std::time::Duration;

use p2p_runtime::{Stop, chain};
use sea_orm::ConnectionTrait;
use tokio::time::{MissedTickBehavior, interval};

use super::{Store, sql};
use crate::{
    error::Error,
    metrics::{Backlog, LIVE},
};

const EVERY: Duration = Duration::from_secs(10);
/// Most rows of each kind that are counted.
const MOST: i64 = 100_000;

/// A message that was tried before counts from when it was made: that it is due again later makes it no younger.
const MESSAGES: &str = "
    SELECT p.undelivered, p.oldest_ms,
           (SELECT count(*) FROM (SELECT 1 FROM orders.outbox WHERE status = 'DEAD' LIMIT $1) AS d) AS dead,
           (SELECT count(*) FROM (SELECT 1 FROM orders.inbox WHERE status <> 'DONE' LIMIT $1) AS i) AS open
    FROM (
        SELECT count(*) AS undelivered,
               coalesce(max(extract(epoch FROM now() - CASE attempts WHEN 0 THEN due_at ELSE created_at END) * 1000),
                        0)::bigint AS oldest_ms
        FROM (SELECT attempts, due_at, created_at FROM orders.outbox
              WHERE status = 'PENDING' ORDER BY due_at LIMIT $1) AS o
    ) AS p";

const ORDERS: &str = "
    SELECT status, count(*) AS orders FROM (
        SELECT status FROM orders.orders
        WHERE status IN ('DRAFT', 'PENDING', 'ACTIVE', 'CANCELLING', 'EXPIRING') LIMIT $1
    ) AS live
    GROUP BY status";

impl Store {
    /// Counts again and again until `stop`.
    pub async fn measure_until_stopped(self, stop: Stop) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => return,
            }
            match self.backlog().await {
                Ok(backlog) => backlog.record(),
                Err(error) => tracing::warn!(error = %chain(&error), "orders and messages are counted later"),
            }
        }
    }

    async fn backlog(&self) -> Result<Backlog, Error> {
        let mut backlog = Backlog::default();
        if let Some(found) = self.db.query_one_raw(sql(MESSAGES, [MOST.into()])).await? {
            let number =
                |column: &str| Ok::<_, Error>(found.try_get::<i64>("", column)?.max(0).unsigned_abs());
            backlog.undelivered = number("undelivered")?;
            // Nothing is due yet when it is negative.
            backlog.oldest = Duration::from_millis(number("oldest_ms")?);
            backlog.dead = number("dead")?;
            backlog.open = number("open")?;
        }
        backlog.orders = LIVE.map(|status| (status, 0)).into();
        for found in self.db.query_all_raw(sql(ORDERS, [MOST.into()])).await? {
            let status: String = found.try_get("", "status")?;
            let orders: i64 = found.try_get("", "orders")?;
            if let Some(known) = backlog.orders.iter_mut().find(|(known, _)| known.as_str() == status) {
                known.1 = orders.unsigned_abs();
            }
        }
        Ok(backlog)
    }
}
