//! Gateways come and go, and what nobody works on is taken over. Rows are locked with SKIP LOCKED: a claim waits
//! for nobody.

use chrono::{DateTime, Utc};
use p2p_domain::OrderId;
use p2p_runtime::{
    chain,
    planted::{Bug, planted},
};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::{Store, millis, row, sql};
use crate::{
    domain::{Delivery, GatewayId, InboxKey, Received, TransactionKey, Unsolicited},
    error::Error,
    metrics,
};

/// What a gateway has taken over.
#[derive(Debug, Default)]
pub struct Claimed {
    /// Accepted messages whose work is not done, with the time of their acceptance.
    pub work: Vec<(Received, DateTime<Utc>)>,
    /// Messages that are due.
    pub deliveries: Vec<Delivery>,
}

/// How rows to be claimed are locked: those that somebody else claims just now are passed by, and what has become of a
/// row is looked at again under its lock.
fn locked() -> &'static str {
    if planted(Bug::ClaimUnchecked) { "" } else { "FOR UPDATE SKIP LOCKED" }
}

impl Store {
    /// Starts a gateway: the next incarnation of its id. It may claim what the earlier ones held.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn join(&self, id: &str) -> Result<GatewayId, Error> {
        let statement = sql(
            "INSERT INTO orders.gateways AS g (id, incarnation) VALUES ($1, 1)
             ON CONFLICT (id) DO UPDATE SET incarnation = g.incarnation + 1, started_at = now()
             RETURNING incarnation",
            [id.into()],
        );
        let found = self.db.query_one_raw(statement).await?;
        let found = found.ok_or_else(|| Error::impossible("gateways", id, "was not stored"))?;
        Ok(GatewayId { id: id.to_owned(), incarnation: found.try_get("", "incarnation")? })
    }

    /// Ends a gateway: its leases lapse.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn leave(&self, gateway: &GatewayId) -> Result<(), Error> {
        let values = || [gateway.id.clone().into(), gateway.incarnation.into()];
        let inbox = sql(
            "UPDATE orders.inbox SET lease_until = now()
             WHERE status <> 'DONE' AND lease_gateway = $1 AND lease_incarnation <= $2 AND lease_until > now()",
            values(),
        );
        let outbox = sql(
            "UPDATE orders.outbox SET lease_until = now()
             WHERE status = 'PENDING' AND lease_gateway = $1 AND lease_incarnation <= $2 AND lease_until > now()",
            values(),
        );
        self.db.execute_raw(inbox).await?;
        self.db.execute_raw(outbox).await?;
        Ok(())
    }

    /// Takes over work and deliveries whose lease has lapsed, and those of the gateway's own earlier incarnations:
    /// what such a one had asked for when it died may be committed after the next one has joined.
    ///
    /// # Errors
    /// When the gateway is not the newest of its id, the database fails or a row cannot be.
    pub async fn claim(&self, gateway: &GatewayId, limit: u32) -> Result<Claimed, Error> {
        self.is_newest(gateway).await?;
        self.bury_expired().await?;
        Ok(Claimed {
            work: self.claim_work(gateway, limit).await?,
            deliveries: self.claim_deliveries(gateway, limit).await?,
        })
    }

    async fn is_newest(&self, gateway: &GatewayId) -> Result<(), Error> {
        let statement = sql(
            "SELECT 1 AS found FROM orders.gateways WHERE id = $1 AND incarnation = $2",
            [gateway.id.clone().into(), gateway.incarnation.into()],
        );
        let found = self.db.query_one_raw(statement).await?;
        found.map(drop).ok_or_else(|| Error::GatewayOutdated(gateway.id.clone()))
    }

    /// Deliveries that are too old to be of use, whenever they would be tried again.
    async fn bury_expired(&self) -> Result<(), Error> {
        // In the order of its index, which has nothing of all that waits without end.
        let statement = sql(
            "UPDATE orders.outbox SET status = 'DEAD', last_error = 'expired', updated_at = now()
             WHERE id IN (
                 SELECT id FROM orders.outbox
                 WHERE status = 'PENDING' AND expires_at <= now() AND lease_until <= now()
                 ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED)
             RETURNING action",
            [],
        );
        for expired in self.db.query_all_raw(statement).await? {
            metrics::expired(&expired.try_get::<String>("", "action")?);
        }
        Ok(())
    }

    /// Only the first open action of each trade: the others wait for it.
    async fn claim_work(
        &self,
        gateway: &GatewayId,
        limit: u32,
    ) -> Result<Vec<(Received, DateTime<Utc>)>, Error> {
        let locked = locked();
        let statement = sql(
            format!("WITH claimed AS (
                 UPDATE orders.inbox i
                 SET lease_gateway = $1, lease_incarnation = $2, lease_until = now() + $3 * interval '1 millisecond'
                 WHERE (i.sender, i.action, i.message_id) IN (
                     SELECT c.sender, c.action, c.message_id FROM orders.inbox c
                     WHERE c.status <> 'DONE'
                       AND (c.lease_until <= now() OR c.lease_gateway = $1 AND c.lease_incarnation < $2)
                       AND NOT EXISTS (
                           SELECT 1 FROM orders.inbox p
                           WHERE p.bap_id = c.bap_id AND p.transaction_id = c.transaction_id
                             AND p.status <> 'DONE' AND p.seq < c.seq)
                     ORDER BY c.lease_until LIMIT $4 {locked})
                 RETURNING i.*)
             SELECT c.*, e.raw_json, e.\"authorization\"
             FROM claimed c JOIN orders.events e ON e.id = c.event_id ORDER BY c.created_at"),
            [
                gateway.id.clone().into(),
                gateway.incarnation.into(),
                millis(self.periods.lease).into(),
                i64::from(limit).into(),
            ],
        );
        let found = self.db.query_all_raw(statement).await?;
        let work = found.iter().map(|found| {
            let message = Received {
                key: row::inbox_key(found)?,
                scope: row::scope(found)?,
                body: found.try_get("", "raw_json")?,
                traceparent: found.try_get("", "traceparent")?,
                authorization: row::authorization(found)?,
            };
            Ok((message, found.try_get("", "created_at")?))
        });
        work.collect()
    }

    async fn claim_deliveries(&self, gateway: &GatewayId, limit: u32) -> Result<Vec<Delivery>, Error> {
        let (locked, deliveries) = (locked(), row::deliveries("claimed"));
        let statement = sql(
            format!("WITH claimed AS (
                 UPDATE orders.outbox o
                 SET lease_gateway = $1, lease_incarnation = $2, lease_until = now() + $3 * interval '1 millisecond'
                 WHERE o.id IN (
                     SELECT c.id FROM orders.outbox c
                     WHERE c.status = 'PENDING' AND c.due_at <= now()
                       AND (c.lease_until <= now() OR c.lease_gateway = $1 AND c.lease_incarnation < $2)
                     ORDER BY c.due_at LIMIT $4 {locked})
                 RETURNING o.*)
             {deliveries} ORDER BY o.due_at"),
            [
                gateway.id.clone().into(),
                gateway.incarnation.into(),
                millis(self.periods.lease).into(),
                i64::from(limit).into(),
            ],
        );
        let found = self.db.query_all_raw(statement).await?;
        let mut deliveries = Vec::with_capacity(found.len());
        for found in &found {
            let mut delivery = row::delivery(found)?;
            if found.try_get::<Option<Uuid>>("", "event_id")?.is_none() {
                let order = OrderId(found.try_get("", "order_id")?);
                match self.unsolicited(&delivery.scope, order).await {
                    Ok(unsolicited) => delivery.unsolicited = Some(Box::new(unsolicited)),
                    Err(error @ Error::ImpossibleRow { .. }) => {
                        tracing::error!(%order, error = %chain(&error), "its buyer cannot be told");
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            }
            deliveries.push(delivery);
        }
        Ok(deliveries)
    }

    /// What there is to be said about an order, and the init that made it.
    async fn unsolicited(&self, scope: &TransactionKey, order: OrderId) -> Result<Unsolicited, Error> {
        let inits = sql(
            "SELECT message_id, raw_json FROM orders.events
             WHERE bap_id = $1 AND transaction_id = $2 AND action = 'init' AND direction = 'INBOUND'",
            [scope.bap.to_string().into(), scope.transaction.to_string().into()],
        );
        for found in self.db.query_all_raw(inits).await? {
            if OrderId::of_init(&scope.bap, &scope.transaction, &row::message_id(&found)?) == order {
                let order = self.order(scope, &order.to_string()).await?;
                return Ok(Unsolicited { order, init_body: found.try_get("", "raw_json")? });
            }
        }
        Err(Error::impossible("orders", order, "was made by no init"))
    }

    /// A delivery with its text.
    ///
    /// # Errors
    /// When there is none, or the database fails.
    pub(super) async fn delivery(&self, id: Uuid) -> Result<Delivery, Error> {
        let statement = sql(
            format!("{} WHERE o.id = $1 AND e.id IS NOT NULL", row::deliveries("orders.outbox")),
            [id.into()],
        );
        let found = self.db.query_one_raw(statement).await?;
        row::delivery(&found.ok_or_else(|| Error::impossible("outbox", id, "has no text"))?)
    }

    /// Prolongs leases that the gateway still has. Answers how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn renew(
        &self,
        gateway: &GatewayId,
        work: &[InboxKey],
        deliveries: &[Uuid],
    ) -> Result<u64, Error> {
        let column = |of: fn(&InboxKey) -> String| work.iter().map(of).collect::<Vec<_>>();
        let inbox = sql(
            "UPDATE orders.inbox i SET lease_until = now() + $3 * interval '1 millisecond'
             FROM unnest($4::text[], $5::text[], $6::text[]) AS k (sender, action, message_id)
             WHERE i.sender = k.sender AND i.action = k.action AND i.message_id = k.message_id
               AND i.status <> 'DONE' AND i.lease_gateway = $1 AND i.lease_incarnation = $2",
            [
                gateway.id.clone().into(),
                gateway.incarnation.into(),
                millis(self.periods.lease).into(),
                column(|k| k.sender.to_string()).into(),
                column(|k| k.action.clone()).into(),
                column(|k| k.message.to_string()).into(),
            ],
        );
        let outbox = sql(
            "UPDATE orders.outbox SET lease_until = now() + $3 * interval '1 millisecond'
             WHERE id = ANY($4::uuid[]) AND status = 'PENDING' AND lease_gateway = $1 AND lease_incarnation = $2",
            [
                gateway.id.clone().into(),
                gateway.incarnation.into(),
                millis(self.periods.lease).into(),
                deliveries.to_vec().into(),
            ],
        );
        let mut renewed = 0;
        if !work.is_empty() {
            renewed += self.db.execute_raw(inbox).await?.rows_affected();
        }
        if !deliveries.is_empty() {
            renewed += self.db.execute_raw(outbox).await?.rows_affected();
        }
        Ok(renewed)
    }
}
