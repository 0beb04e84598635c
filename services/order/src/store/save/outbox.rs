//! Writes what is to be delivered, its text where that was made later, and how deliveries went.

use std::collections::HashSet;

use p2p_runtime::postgres::{Parts, column};
use sea_orm::{ConnectionTrait, DatabaseConnection, Value};
use uuid::Uuid;

use super::{
    super::{millis, row::OutboxRow, sql},
    MarkedDelivery,
};
use crate::{
    config::Periods,
    domain::{MarkResult, TransactionKey},
    error::Error,
};

/// New rows. Those that somebody holds are leased until they are due, and a lease longer.
pub(super) fn insert(parts: &mut Parts, periods: Periods, rows: &[OutboxRow]) {
    parts.push_exactly(
        rows.len(),
        "INSERT INTO orders.outbox (id, bap_id, transaction_id, event_id, action, message_id, uri, status, due_at,
                                    expires_at, lease_gateway, lease_incarnation, lease_until, order_id,
                                    traceparent, request_event_id)
         SELECT k.id, k.bap_id, k.transaction_id, nullif(k.event_id, $14), k.action, k.message_id, k.uri, 'PENDING',
                k.due_at, nullif(k.expires_at, k.due_at), k.lease_gateway, k.lease_incarnation,
                CASE k.lease_gateway WHEN '' THEN now()
                     ELSE greatest(k.due_at, now()) + $12 * interval '1 millisecond' END,
                nullif(k.order_id, $14), k.traceparent, nullif(k.request_event_id, $14)
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[],
                     $8::timestamptz[], $9::timestamptz[], $10::text[], $11::bigint[], $13::uuid[],
                     $15::text[], $16::uuid[])
              AS k (id, bap_id, transaction_id, event_id, action, message_id, uri, due_at, expires_at, lease_gateway,
                    lease_incarnation, order_id, traceparent, request_event_id)",
        [
            column(rows, |r| r.id),
            column(rows, |r| r.scope.bap.to_string()),
            column(rows, |r| r.scope.transaction.to_string()),
            column(rows, |r| r.event.unwrap_or_default()),
            column(rows, |r| r.action.clone()),
            column(rows, |r| r.message.to_string()),
            column(rows, |r| r.uri.clone()),
            column(rows, |r| r.due_at),
            // Equal to due_at: never expires.
            column(rows, |r| r.expires_at.unwrap_or(r.due_at)),
            column(rows, |r| r.lease.gateway.clone()),
            column(rows, |r| r.lease.incarnation),
            millis(periods.lease).into(),
            column(rows, |r| r.order.map_or(Uuid::nil(), |order| order.0)),
            Uuid::nil().into(),
            column(rows, |r| r.traceparent.clone()),
            column(rows, |r| r.request.unwrap_or_default()),
        ],
    );
}

/// Requests that were tried and not taken, and that wait to be made again: when the buyer asks anew, an older one must
/// not arrive behind the newer.
pub(super) fn supersede(parts: &mut Parts, rows: &[(TransactionKey, String)]) {
    parts.push(
        rows.len(),
        "UPDATE orders.outbox o
         SET status = 'DEAD', last_error = 'superseded by a newer request', updated_at = now(), lease_until = now()
         FROM unnest($1::text[], $2::text[], $3::text[]) AS k (bap_id, transaction_id, action)
         JOIN orders.events e ON e.bap_id = k.bap_id AND e.transaction_id = k.transaction_id AND e.action = k.action
         WHERE o.event_id = e.id AND e.direction = 'OUTBOUND' AND o.status = 'PENDING' AND o.attempts > 0",
        [
            column(rows, |(scope, _)| scope.bap.to_string()),
            column(rows, |(scope, _)| scope.transaction.to_string()),
            column(rows, |(_, action)| action.clone()),
        ],
    );
}

/// Texts for what had none. A text that another writer has stored meanwhile is a lost race.
pub(super) fn compose(parts: &mut Parts, rows: &[(Uuid, Uuid, String)]) {
    parts.push_exactly(
        rows.len(),
        "UPDATE orders.outbox o SET event_id = k.event_id, uri = k.uri, updated_at = now()
         FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS k (id, event_id, uri)
         WHERE o.id = k.id AND o.event_id IS NULL",
        [
            column(rows, |(id, _, _)| *id),
            column(rows, |(_, event, _)| *event),
            column(rows, |(_, _, uri)| uri.clone()),
        ],
    );
}

/// Notes how deliveries went. Answers those that are not as their marks say: somebody else held them, or they had ended
/// otherwise.
///
/// # Errors
/// When the database fails.
pub(in super::super) async fn mark(
    db: &DatabaseConnection,
    rows: &[MarkedDelivery],
) -> Result<HashSet<Uuid>, Error> {
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    let marked = db.execute_raw(sql(MARK, marks(rows))).await?.rows_affected();
    if marked == rows.len() as u64 {
        return Ok(HashSet::new());
    }
    let statement = sql(
        "SELECT k.id FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[]) AS k (id, gateway, incarnation, status)
         LEFT JOIN orders.outbox o ON o.id = k.id AND o.lease_gateway = k.gateway
                                  AND o.lease_incarnation = k.incarnation AND o.status = k.status
         WHERE o.id IS NULL",
        [
            column(rows, |(id, _, _)| *id),
            column(rows, |(_, gateway, _)| gateway.id.clone()),
            column(rows, |(_, gateway, _)| gateway.incarnation),
            column(rows, status),
        ],
    );
    let found = db.query_all_raw(statement).await?;
    found.iter().map(|found| Ok(found.try_get("", "id")?)).collect()
}

/// Deliveries that were refused, where who says so still has the lease.
pub(super) fn refuse(parts: &mut Parts, rows: &[(TransactionKey, MarkedDelivery)]) {
    let rows: Vec<MarkedDelivery> = rows.iter().map(|(_, marked)| marked.clone()).collect();
    parts.push_exactly(rows.len(), MARK, marks(&rows));
}

/// A retry gives the lease up.
const MARK: &str = "
    UPDATE orders.outbox o
    SET status = k.status, last_error = k.error, attempts = o.attempts + 1, updated_at = now(),
        due_at = CASE k.status WHEN 'PENDING' THEN now() + k.after * interval '1 millisecond' ELSE o.due_at END,
        error_code = nullif(k.code, ''), error_message = nullif(k.message, ''), lease_until = now()
    FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[],
                $8::text[]) AS k (id, gateway, incarnation, status, error, after, code, message)
    WHERE o.id = k.id AND o.status = 'PENDING' AND o.lease_gateway = k.gateway
      AND o.lease_incarnation = k.incarnation";

fn marks(rows: &[MarkedDelivery]) -> [Value; 8] {
    let error = |(_, _, result): &MarkedDelivery| match result {
        MarkResult::Delivered(_) => String::new(),
        MarkResult::Retry(_, error) | MarkResult::Dead(error, _) => error.clone(),
    };
    let after = |(_, _, result): &MarkedDelivery| match result {
        MarkResult::Retry(after, _) => millis(*after),
        MarkResult::Delivered(_) | MarkResult::Dead(..) => 0,
    };
    let refusal = |(_, _, result): &MarkedDelivery| result.refusal().cloned();
    [
        column(rows, |(id, _, _)| *id),
        column(rows, |(_, gateway, _)| gateway.id.clone()),
        column(rows, |(_, gateway, _)| gateway.incarnation),
        column(rows, status),
        column(rows, error),
        column(rows, after),
        column(rows, |r| refusal(r).map(|x| x.code).unwrap_or_default()),
        column(rows, |r| refusal(r).map(|x| x.message).unwrap_or_default()),
    ]
}

fn status((_, _, result): &MarkedDelivery) -> String {
    let status = match result {
        MarkResult::Delivered(_) => "DELIVERED",
        MarkResult::Retry(..) => "PENDING",
        MarkResult::Dead(..) => "DEAD",
    };
    status.to_owned()
}
