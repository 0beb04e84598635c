//! What is read of one order for operators.

use p2p_domain::OrderId;
use sea_orm::{ConnectionTrait, QueryResult};
use uuid::Uuid;

use super::{Store, row, sql};
use crate::{
    domain::{Arrival, History, Order, Said, Sent, Work, about},
    error::Error,
};

/// Most messages of a trade that are looked at.
const MOST_MESSAGES: usize = 1_000;

/// An action received has its row under its BAP; the rows of callbacks say nothing that is not known: they were taken.
/// Catalogs and quotes name no order, and may be long.
const MESSAGES: &str = "
    SELECT e.seq, e.action, e.direction, e.message_id, e.created_at,
           e.action NOT IN ('discover', 'on_discover', 'select', 'on_select')
               AND strpos(e.raw_json, $3) > 0 AS names_order,
           i.status AS work, coalesce(i.error_code, o.error_code) AS error_code,
           coalesce(i.error_message, o.error_message) AS error_message,
           o.id AS delivery_id, o.uri, o.status AS delivery_status, o.attempts, o.last_error, o.due_at
    FROM orders.events e
    LEFT JOIN orders.inbox i
           ON e.direction = 'INBOUND' AND i.sender = e.bap_id AND i.action = e.action AND i.message_id = e.message_id
              AND i.event_id = e.id
    LEFT JOIN orders.outbox o ON o.event_id = e.id
    WHERE e.bap_id = $1 AND e.transaction_id = $2
    ORDER BY e.seq LIMIT $4";

/// What is to be said unasked and was not composed yet.
const WITHOUT_TEXT: &str = "
    SELECT 0::bigint AS seq, o.action, 'OUTBOUND' AS direction, o.message_id, o.created_at, true AS names_order,
           NULL::text AS work, o.error_code, o.error_message,
           o.id AS delivery_id, o.uri, o.status AS delivery_status, o.attempts, o.last_error, o.due_at
    FROM orders.outbox o
    WHERE o.status = 'PENDING' AND o.event_id IS NULL AND o.order_id = $1
    ORDER BY o.created_at, o.id";

impl Store {
    /// All about one order.
    ///
    /// # Errors
    /// When there is none, the database fails or a row cannot be.
    pub async fn history(&self, id: &str) -> Result<History, Error> {
        let not_found = || Error::OrderNotFound(id.to_owned());
        let id: OrderId = id.parse().map_err(|_not_a_uuid| not_found())?;
        let statement = sql("SELECT * FROM orders.orders WHERE id = $1", [id.0.into()]);
        let found = self.db.query_one_raw(statement).await?.ok_or_else(not_found)?;
        let order = row::order(&found)?;
        let mut of_trade = self.said(&order).await?;
        let more = of_trade.len() > MOST_MESSAGES;
        of_trade.truncate(MOST_MESSAGES);
        let mut messages = about(&order, of_trade);
        let without_text = self.db.query_all_raw(sql(WITHOUT_TEXT, [id.0.into()])).await?;
        for row in &without_text {
            messages.push(said(row)?);
        }
        Ok(History { outcome_told_at: found.try_get("", "outcome_recorded_at")?, order, messages, more })
    }

    /// The messages of the order's trade; one more than are looked at when there are more.
    async fn said(&self, order: &Order) -> Result<Vec<Said>, Error> {
        let read = i64::try_from(MOST_MESSAGES + 1).unwrap_or(i64::MAX);
        let statement = sql(
            MESSAGES,
            [
                order.scope.bap.to_string().into(),
                order.scope.transaction.to_string().into(),
                order.id.to_string().into(),
                read.into(),
            ],
        );
        self.db.query_all_raw(statement).await?.iter().map(said).collect()
    }
}

fn said(row: &QueryResult) -> Result<Said, Error> {
    Ok(Said {
        seq: row.try_get("", "seq")?,
        action: row.try_get("", "action")?,
        inbound: row.try_get::<String>("", "direction")? == "INBOUND",
        message: row::message_id(row)?,
        at: row.try_get("", "created_at")?,
        names_order: row.try_get("", "names_order")?,
        refusal: row::refusal(row)?,
        work: work(row)?,
        delivery: sent(row)?,
    })
}

fn work(row: &QueryResult) -> Result<Option<Work>, Error> {
    Ok(match row.try_get::<Option<String>>("", "work")?.as_deref() {
        None => None,
        Some("QUEUED") => Some(Work::Queued),
        Some("BEGUN") => Some(Work::Begun),
        Some("DONE") => Some(Work::Done),
        Some(other) => {
            return Err(Error::impossible("inbox", row::message_id(row)?, format!("status {other}")));
        }
    })
}

fn sent(row: &QueryResult) -> Result<Option<Sent>, Error> {
    let Some(id) = row.try_get::<Option<Uuid>>("", "delivery_id")? else { return Ok(None) };
    let arrival = match row.try_get::<String>("", "delivery_status")?.as_str() {
        "PENDING" => Arrival::Pending,
        "DELIVERED" => Arrival::Arrived,
        "DEAD" => Arrival::Dead,
        other => return Err(Error::impossible("outbox", id, format!("status {other}"))),
    };
    let attempts: i32 = row.try_get("", "attempts")?;
    Ok(Some(Sent {
        id,
        uri: row.try_get("", "uri")?,
        arrival,
        attempts: attempts.unsigned_abs(),
        last_error: row.try_get("", "last_error")?,
        due_at: row.try_get("", "due_at")?,
    }))
}
