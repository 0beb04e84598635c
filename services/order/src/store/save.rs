//! Writes what a batch decided, a statement a table.

use chrono::{DateTime, Utc};
use p2p_runtime::postgres::sql_state;
use rust_decimal::Decimal;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Value};
use uuid::Uuid;

use super::{
    json,
    load::Loaded,
    millis,
    row::{EventRow, InboxRow, OutboxRow},
    sql,
};
use crate::{
    config::Periods,
    domain::{Change, GatewayId, InboxKey, MarkResult, Order, Quote, State, TransactionKey},
    error::Error,
};

/// What a batch decided.
#[derive(Default)]
pub(super) struct Writes {
    pub events: Vec<EventRow>,
    pub inbox: Vec<InboxRow>,
    pub begun: Vec<InboxKey>,
    pub done: Vec<InboxKey>,
    pub orders: Vec<Order>,
    pub holds: Vec<Order>,
    pub changes: Vec<Change>,
    pub quotes: Vec<(TransactionKey, Quote)>,
    pub outbox: Vec<OutboxRow>,
    pub marks: Vec<(Uuid, GatewayId, MarkResult)>,
}

/// One column of many rows, to be unnested.
fn column<R, T>(rows: &[R], of: impl Fn(&R) -> T) -> Value
where
    Value: From<Vec<T>>,
{
    rows.iter().map(of).collect::<Vec<T>>().into()
}

pub(super) async fn save(
    tx: &DatabaseTransaction,
    periods: Periods,
    loaded: &Loaded,
    writes: &Writes,
) -> Result<(), Error> {
    counters(tx, loaded, writes).await?;
    events(tx, &writes.events).await?;
    inbox(tx, periods, &writes.inbox).await?;
    inbox_status(tx, &writes.begun, "BEGUN").await?;
    inbox_status(tx, &writes.done, "DONE").await?;
    orders(tx, &writes.orders).await?;
    holds(tx, &writes.holds).await?;
    changes(tx, &writes.changes).await?;
    quotes(tx, periods, loaded.now, &writes.quotes).await?;
    outbox(tx, periods, &writes.outbox).await?;
    marks(tx, &writes.marks).await?;
    Ok(())
}

async fn counters(tx: &DatabaseTransaction, loaded: &Loaded, writes: &Writes) -> Result<(), Error> {
    if writes.events.is_empty() && writes.marks.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = loaded.trades.iter().collect();
    if rows.is_empty() {
        return Ok(());
    }
    let statement = sql(
        "UPDATE orders.transactions t SET seq = k.seq, buyer_seq = k.buyer_seq
         FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS k (bap_id, transaction_id, seq, buyer_seq)
         WHERE t.bap_id = k.bap_id AND t.transaction_id = k.transaction_id",
        [
            column(&rows, |(scope, _)| scope.bap.to_string()),
            column(&rows, |(scope, _)| scope.transaction.to_string()),
            column(&rows, |(_, trade)| trade.seq),
            column(&rows, |(_, trade)| trade.buyer_seq),
        ],
    );
    tx.execute_raw(statement).await?;
    Ok(())
}

async fn events(tx: &DatabaseTransaction, rows: &[EventRow]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let statement = sql(
        "INSERT INTO orders.events (id, bap_id, transaction_id, seq, buyer_seq, message_id, action, direction,
                                    raw_json, buyer_json)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[],
                              $8::text[], $9::text[], $10::text[])",
        [
            column(rows, |r| r.id),
            column(rows, |r| r.scope.bap.to_string()),
            column(rows, |r| r.scope.transaction.to_string()),
            column(rows, |r| r.seq),
            column(rows, |r| r.buyer_seq),
            column(rows, |r| r.message.to_string()),
            column(rows, |r| r.action.clone()),
            column(rows, |r| r.direction.to_owned()),
            column(rows, |r| r.raw_json.clone()),
            column(rows, |r| r.buyer_json.clone()),
        ],
    );
    tx.execute_raw(statement).await?;
    Ok(())
}

/// New rows, in the order of their keys. A key that another writer took meanwhile fails the batch as a lost
/// race; run again, it finds that row.
async fn inbox(tx: &DatabaseTransaction, periods: Periods, rows: &[InboxRow]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let code = |r: &InboxRow| r.verdict.refusal.as_ref().map(|x| x.code.clone()).unwrap_or_default();
    let message = |r: &InboxRow| r.verdict.refusal.as_ref().map(|x| x.message.clone()).unwrap_or_default();
    let statement = sql(
        "INSERT INTO orders.inbox (sender, action, message_id, bap_id, transaction_id, seq, buyer_seq, event_id,
                                   digest, error_code, error_message, answered_at, status, lease_gateway,
                                   lease_incarnation, lease_until, created_at)
         SELECT k.sender, k.action, k.message_id, k.bap_id, k.transaction_id, k.seq, k.buyer_seq, k.event_id,
                decode(k.digest, 'hex'), nullif(k.error_code, ''), nullif(k.error_message, ''), k.answered_at,
                k.status, k.lease_gateway, k.lease_incarnation,
                CASE k.lease_gateway WHEN '' THEN now() ELSE now() + $16 * interval '1 millisecond' END,
                k.created_at
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
                     $8::uuid[], $9::text[], $10::text[], $11::text[], $12::timestamptz[], $13::text[], $14::text[],
                     $15::bigint[], $17::timestamptz[])
              AS k (sender, action, message_id, bap_id, transaction_id, seq, buyer_seq, event_id, digest, error_code,
                    error_message, answered_at, status, lease_gateway, lease_incarnation, created_at)
         ORDER BY k.sender, k.action, k.message_id
         ON CONFLICT DO NOTHING",
        [
            column(rows, |r| r.key.sender.to_string()),
            column(rows, |r| r.key.action.clone()),
            column(rows, |r| r.key.message.to_string()),
            column(rows, |r| r.scope.bap.to_string()),
            column(rows, |r| r.scope.transaction.to_string()),
            column(rows, |r| r.seq),
            column(rows, |r| r.buyer_seq),
            column(rows, |r| r.event),
            column(rows, |r| r.digest.clone()),
            column(rows, code),
            column(rows, message),
            column(rows, |r| r.verdict.at),
            column(rows, |r| r.status.as_str().to_owned()),
            column(rows, |r| r.lease.gateway.clone()),
            column(rows, |r| r.lease.incarnation),
            millis(periods.lease).into(),
            column(rows, |r| r.created_at),
        ],
    );
    let inserted = tx.execute_raw(statement).await?.rows_affected();
    if inserted < rows.len() as u64 { Err(Error::LostRace) } else { Ok(()) }
}

async fn inbox_status(tx: &DatabaseTransaction, keys: &[InboxKey], status: &str) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let statement = sql(
        "UPDATE orders.inbox i SET status = $4
         FROM unnest($1::text[], $2::text[], $3::text[]) AS k (sender, action, message_id)
         WHERE i.sender = k.sender AND i.action = k.action AND i.message_id = k.message_id",
        [
            column(keys, |k| k.sender.to_string()),
            column(keys, |k| k.action.clone()),
            column(keys, |k| k.message.to_string()),
            status.into(),
        ],
    );
    tx.execute_raw(statement).await?;
    Ok(())
}

fn hold_until(order: &Order) -> DateTime<Utc> {
    match order.state {
        State::Draft { hold_until } | State::Pending { hold_until } => hold_until,
        State::Active | State::Completed | State::Cancelled { .. } => order.updated_at,
    }
}

async fn orders(tx: &DatabaseTransaction, rows: &[Order]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let first_offer = |r: &Order| r.quote.lines.first().map(|l| l.offer.to_string()).unwrap_or_default();
    let statement = sql(
        "INSERT INTO orders.orders (id, bap_id, transaction_id, provider_id, selected_offer_id, status, total_qty,
                                    total_price, currency, items_json, quote_json, hold_until, created_at, updated_at)
         SELECT k.id, k.bap_id, k.transaction_id, k.provider_id, k.offer_id, k.status, k.qty, k.price, k.currency,
                k.items, k.quote, k.hold_until, k.created_at, k.created_at
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::numeric[],
                     $8::numeric[], $9::text[], $10::jsonb[], $11::jsonb[], $12::timestamptz[], $13::timestamptz[])
              AS k (id, bap_id, transaction_id, provider_id, offer_id, status, qty, price, currency, items, quote,
                    hold_until, created_at)",
        [
            column(rows, |r| r.id.0),
            column(rows, |r| r.scope.bap.to_string()),
            column(rows, |r| r.scope.transaction.to_string()),
            column(rows, |r| r.quote.provider.to_string()),
            column(rows, first_offer),
            column(rows, |r| r.state.status().as_str().to_owned()),
            column(rows, |r| r.quote.quantity.kwh()),
            column::<_, Decimal>(rows, |r| r.quote.price.amount()),
            column(rows, |r| r.quote.price.currency().to_string()),
            column(rows, |r| json::items(&r.quote)),
            column(rows, |r| json::head(&r.quote)),
            column(rows, hold_until),
            column(rows, |r| r.created_at),
        ],
    );
    tx.execute_raw(statement).await.map_err(or_lost_race)?;
    Ok(())
}

async fn holds(tx: &DatabaseTransaction, rows: &[Order]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let statement = sql(
        "UPDATE orders.orders o SET hold_until = k.hold_until
         FROM unnest($1::uuid[], $2::timestamptz[]) AS k (id, hold_until)
         WHERE o.id = k.id AND o.status = 'PENDING'",
        [column(rows, |r| r.id.0), column(rows, hold_until)],
    );
    tx.execute_raw(statement).await?;
    Ok(())
}

async fn changes(tx: &DatabaseTransaction, rows: &[Change]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let statement = sql(
        "UPDATE orders.orders o SET status = k.next, reason = k.reason, updated_at = k.at
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
              AS k (id, previous, next, reason, at)
         WHERE o.id = k.id AND o.status = k.previous",
        [
            column(rows, |r| r.order.0),
            column(rows, |r| r.from.as_str().to_owned()),
            column(rows, |r| r.to.as_str().to_owned()),
            column(rows, |r| r.reason.clone()),
            column(rows, |r| r.at),
        ],
    );
    let changed = tx.execute_raw(statement).await?.rows_affected();
    if changed < rows.len() as u64 { Err(Error::LostRace) } else { Ok(()) }
}

async fn quotes(
    tx: &DatabaseTransaction,
    periods: Periods,
    now: DateTime<Utc>,
    rows: &[(TransactionKey, Quote)],
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let statement = sql(
        "INSERT INTO orders.quotes (id, bap_id, transaction_id, items_json, quote_json, valid_until)
         SELECT k.id, k.bap_id, k.transaction_id, k.items, k.quote, $6::timestamptz
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::jsonb[])
              AS k (id, bap_id, transaction_id, items, quote)",
        [
            column(rows, |_| Uuid::new_v4()),
            column(rows, |(scope, _)| scope.bap.to_string()),
            column(rows, |(scope, _)| scope.transaction.to_string()),
            column(rows, |(_, quote)| json::items(quote)),
            column(rows, |(_, quote)| json::head(quote)),
            (now + periods.quote).into(),
        ],
    );
    tx.execute_raw(statement).await?;
    Ok(())
}

async fn outbox(tx: &DatabaseTransaction, periods: Periods, rows: &[OutboxRow]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let statement = sql(
        "INSERT INTO orders.outbox (id, bap_id, transaction_id, event_id, action, message_id, uri, status, due_at,
                                    expires_at, lease_gateway, lease_incarnation, lease_until)
         SELECT k.id, k.bap_id, k.transaction_id, k.event_id, k.action, k.message_id, k.uri, 'PENDING', k.due_at,
                nullif(k.expires_at, k.due_at), k.lease_gateway, k.lease_incarnation,
                greatest(k.due_at, now()) + $12 * interval '1 millisecond'
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[],
                     $8::timestamptz[], $9::timestamptz[], $10::text[], $11::bigint[])
              AS k (id, bap_id, transaction_id, event_id, action, message_id, uri, due_at, expires_at, lease_gateway,
                    lease_incarnation)",
        [
            column(rows, |r| r.id),
            column(rows, |r| r.scope.bap.to_string()),
            column(rows, |r| r.scope.transaction.to_string()),
            column(rows, |r| r.event),
            column(rows, |r| r.action.clone()),
            column(rows, |r| r.message.to_string()),
            column(rows, |r| r.uri.clone()),
            column(rows, |r| r.due_at),
            // Equal to due_at: never expires.
            column(rows, |r| r.expires_at.unwrap_or(r.due_at)),
            column(rows, |r| r.lease.gateway.clone()),
            column(rows, |r| r.lease.incarnation),
            millis(periods.lease).into(),
        ],
    );
    tx.execute_raw(statement).await?;
    Ok(())
}

/// Results of deliveries, where the marking gateway still has the lease. A retry gives the lease up.
async fn marks(tx: &DatabaseTransaction, rows: &[(Uuid, GatewayId, MarkResult)]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let status = |(_, _, result): &(Uuid, GatewayId, MarkResult)| match result {
        MarkResult::Delivered(_) => "DELIVERED".to_owned(),
        MarkResult::Retry(..) => "PENDING".to_owned(),
        MarkResult::Dead(..) => "DEAD".to_owned(),
    };
    let error = |(_, _, result): &(Uuid, GatewayId, MarkResult)| match result {
        MarkResult::Delivered(_) => String::new(),
        MarkResult::Retry(_, error) | MarkResult::Dead(error, _) => error.clone(),
    };
    let after = |(_, _, result): &(Uuid, GatewayId, MarkResult)| match result {
        MarkResult::Retry(after, _) => millis(*after),
        MarkResult::Delivered(_) | MarkResult::Dead(..) => 0,
    };
    let refusal = |(_, _, result): &(Uuid, GatewayId, MarkResult)| result.refusal().cloned();
    let statement = sql(
        "UPDATE orders.outbox o
         SET status = k.status, last_error = k.error, attempts = o.attempts + 1, updated_at = now(),
             due_at = CASE k.status WHEN 'PENDING' THEN now() + k.after * interval '1 millisecond' ELSE o.due_at END,
             error_code = nullif(k.code, ''), error_message = nullif(k.message, ''), lease_until = now()
         FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[],
                     $8::text[]) AS k (id, gateway, incarnation, status, error, after, code, message)
         WHERE o.id = k.id AND o.status = 'PENDING' AND o.lease_gateway = k.gateway
           AND o.lease_incarnation = k.incarnation",
        [
            column(rows, |(id, _, _)| *id),
            column(rows, |(_, gateway, _)| gateway.id.clone()),
            column(rows, |(_, gateway, _)| gateway.incarnation),
            column(rows, status),
            column(rows, error),
            column(rows, after),
            column(rows, |r| refusal(r).map(|x| x.code).unwrap_or_default()),
            column(rows, |r| refusal(r).map(|x| x.message).unwrap_or_default()),
        ],
    );
    tx.execute_raw(statement).await?;
    Ok(())
}

/// A key that another writer took meanwhile: run again, the batch finds that row.
fn or_lost_race(error: DbErr) -> Error {
    match sql_state(&error).as_deref() {
        Some("23505") => Error::LostRace,
        _ => error.into(),
    }
}
