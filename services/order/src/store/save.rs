//! Writes what a batch decided.

pub(super) mod outbox;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use p2p_domain::{OrderId, uuid_of};
use p2p_runtime::{
    planted::{Bug, planted},
    postgres::{Parts, column, sql_state},
};
use rust_decimal::Decimal;
use sea_orm::{DatabaseConnection, DbErr};
use uuid::Uuid;

use super::{
    json,
    load::{Loaded, client_id},
    millis,
    row::{EventRow, InboxRow, InboxStatus, Lease, OutboxRow},
};
use crate::{
    config::Periods,
    domain::{Cancellation, GatewayId, InboxKey, MarkResult, Order, Quote, Status, TransactionKey},
    error::Error,
};

/// What a batch decided.
#[derive(Default)]
pub(super) struct Writes {
    pub events: Vec<EventRow>,
    pub inbox: Vec<InboxRow>,
    pub advances: Vec<Advance>,
    pub orders: Vec<Order>,
    /// Orders that are now as they are loaded, and the state they were read in.
    pub moved: BTreeMap<OrderId, (TransactionKey, Status)>,
    pub quotes: Vec<(TransactionKey, Quote)>,
    pub outbox: Vec<OutboxRow>,
    /// Requests of our buyer's side that a newer one of the same kind takes the place of.
    pub superseded: Vec<(TransactionKey, String)>,
    /// Deliveries that ended with a refusal, which the buyer's side has heard.
    pub refused: Vec<(TransactionKey, MarkedDelivery)>,
    /// How other deliveries went. They are written after the rest, and by themselves.
    pub marks: Vec<MarkedDelivery>,
    /// Deliveries that had no text, with their events and where they go.
    pub composed: Vec<(Uuid, Uuid, String)>,
}

/// A delivery, who marks it, and how it went.
pub(super) type MarkedDelivery = (Uuid, GatewayId, MarkResult);

/// An open action that is now so.
#[derive(Debug, Clone)]
pub(super) struct Advance {
    pub key: InboxKey,
    pub scope: TransactionKey,
    pub status: InboxStatus,
    /// Whose lease it must be under.
    pub lease: Lease,
}

impl Writes {
    /// An order is not as it was read any more.
    pub fn moved(&mut self, order: &Order, from: Status) {
        self.moved.entry(order.id).or_insert_with(|| (order.scope.clone(), from));
    }

    /// The trades that something is written of.
    fn scopes(&self) -> BTreeSet<&TransactionKey> {
        let events = self.events.iter().map(|row| &row.scope);
        let advances = self.advances.iter().map(|advance| &advance.scope);
        let orders = self.orders.iter().map(|order| &order.scope);
        let moved = self.moved.values().map(|(scope, _)| scope);
        let outbox = self.outbox.iter().map(|row| &row.scope);
        let refused = self.refused.iter().map(|(scope, _)| scope);
        events.chain(advances).chain(orders).chain(moved).chain(outbox).chain(refused).collect()
    }
}

/// Writes it all, but for the marks, in one statement that is a transaction of its own: when a trade is not as it was
/// read any more, nothing is written.
pub(super) async fn save(
    db: &DatabaseConnection,
    periods: Periods,
    loaded: &Loaded,
    writes: &Writes,
) -> Result<(), Error> {
    let mut parts = Parts::default();
    trades(&mut parts, loaded, &writes.scopes());
    events(&mut parts, &writes.events);
    inbox(&mut parts, periods, &writes.inbox);
    advances(&mut parts, &writes.advances);
    orders(&mut parts, &writes.orders);
    moved(&mut parts, loaded, &writes.moved)?;
    quotes(&mut parts, periods, loaded.now, &writes.quotes);
    outbox::insert(&mut parts, periods, &writes.outbox);
    outbox::supersede(&mut parts, &writes.superseded);
    outbox::refuse(&mut parts, &writes.refused);
    outbox::compose(&mut parts, &writes.composed);
    if parts.commit(db).await.map_err(or_lost_race)? { Ok(()) } else { Err(Error::LostRace) }
}

/// The new trades, and those that are as they were read.
fn trades(parts: &mut Parts, loaded: &Loaded, scopes: &BTreeSet<&TransactionKey>) {
    let rows = loaded.trades.iter().filter(|(scope, _)| scopes.contains(scope));
    let (new, known): (Vec<_>, Vec<_>) = rows.partition(|(_, trade)| trade.is_new());
    parts.push_exactly(
        new.len(),
        "INSERT INTO orders.transactions (bap_id, transaction_id, seq, buyer_seq, client_id)
         SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[]) ORDER BY 1, 2",
        [
            column(&new, |(scope, _)| scope.bap.to_string()),
            column(&new, |(scope, _)| scope.transaction.to_string()),
            column(&new, |(_, trade)| trade.seq),
            column(&new, |(_, trade)| trade.buyer_seq),
            column(&new, |(_, trade)| client_id(trade.client.as_ref())),
        ],
    );
    parts.push_exactly(
        known.len(),
        "UPDATE orders.transactions t
         SET seq = k.seq, buyer_seq = k.buyer_seq, client_id = k.client_id, version = k.version + 1
         FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[])
              AS k (bap_id, transaction_id, seq, buyer_seq, client_id, version)
         WHERE t.bap_id = k.bap_id AND t.transaction_id = k.transaction_id AND t.version = k.version",
        [
            column(&known, |(scope, _)| scope.bap.to_string()),
            column(&known, |(scope, _)| scope.transaction.to_string()),
            column(&known, |(_, trade)| trade.seq),
            column(&known, |(_, trade)| trade.buyer_seq),
            column(&known, |(_, trade)| client_id(trade.client.as_ref())),
            column(&known, |(_, trade)| trade.version.unwrap_or_default()),
        ],
    );
}

fn events(parts: &mut Parts, rows: &[EventRow]) {
    parts.push_exactly(
        rows.len(),
        r#"INSERT INTO orders.events (id, bap_id, transaction_id, seq, buyer_seq, message_id, action, direction,
                                    raw_json, buyer_json, "authorization")
         SELECT k.id, k.bap_id, k.transaction_id, k.seq, k.buyer_seq, k.message_id, k.action, k.direction,
                k.raw_json, k.buyer_json, nullif(k.header, '')
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[],
                     $8::text[], $9::text[], $10::text[], $11::text[])
              AS k (id, bap_id, transaction_id, seq, buyer_seq, message_id, action, direction, raw_json, buyer_json,
                    header)"#,
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
            column(rows, |r| r.authorization.clone()),
        ],
    );
}

/// New rows, in the order of their keys. A key that another writer took meanwhile fails the batch as a lost
/// race; run again, it finds that row.
fn inbox(parts: &mut Parts, periods: Periods, rows: &[InboxRow]) {
    let code = |r: &InboxRow| r.verdict.refusal.as_ref().map(|x| x.code.clone()).unwrap_or_default();
    let message = |r: &InboxRow| r.verdict.refusal.as_ref().map(|x| x.message.clone()).unwrap_or_default();
    parts.push_exactly(
        rows.len(),
        "INSERT INTO orders.inbox (sender, action, message_id, bap_id, transaction_id, seq, buyer_seq, event_id,
                                   digest, error_code, error_message, answered_at, status, lease_gateway,
                                   lease_incarnation, lease_until, created_at, traceparent)
         SELECT k.sender, k.action, k.message_id, k.bap_id, k.transaction_id, k.seq, k.buyer_seq, k.event_id,
                decode(k.digest, 'hex'), nullif(k.error_code, ''), nullif(k.error_message, ''), k.answered_at,
                k.status, k.lease_gateway, k.lease_incarnation,
                CASE k.lease_gateway WHEN '' THEN now() ELSE now() + $16 * interval '1 millisecond' END,
                k.created_at, k.traceparent
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
                     $8::uuid[], $9::text[], $10::text[], $11::text[], $12::timestamptz[], $13::text[], $14::text[],
                     $15::bigint[], $17::timestamptz[], $18::text[])
              AS k (sender, action, message_id, bap_id, transaction_id, seq, buyer_seq, event_id, digest, error_code,
                    error_message, answered_at, status, lease_gateway, lease_incarnation, created_at, traceparent)
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
            column(rows, |r| r.traceparent.clone()),
        ],
    );
}

/// Open actions that are still under the lease of who has worked on them.
fn advances(parts: &mut Parts, rows: &[Advance]) {
    let fence = match planted(Bug::Unfenced) {
        true => "",
        false => {
            "AND i.status <> 'DONE' AND i.lease_gateway = k.gateway AND i.lease_incarnation = k.incarnation"
        }
    };
    let text = format!(
        "UPDATE orders.inbox i SET status = k.status
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[])
              AS k (sender, action, message_id, status, gateway, incarnation)
         WHERE i.sender = k.sender AND i.action = k.action AND i.message_id = k.message_id {fence}"
    );
    parts.push_exactly(
        rows.len(),
        &text,
        [
            column(rows, |r| r.key.sender.to_string()),
            column(rows, |r| r.key.action.clone()),
            column(rows, |r| r.key.message.to_string()),
            column(rows, |r| r.status.as_str().to_owned()),
            column(rows, |r| r.lease.gateway.clone()),
            column(rows, |r| r.lease.incarnation),
        ],
    );
}

/// Where there is none any more, the row keeps the last one.
fn hold_until(order: &Order) -> DateTime<Utc> {
    order.state.hold_until().unwrap_or(order.updated_at)
}

fn orders(parts: &mut Parts, rows: &[Order]) {
    let first_offer = |r: &Order| r.quote.lines.first().map(|l| l.offer.to_string()).unwrap_or_default();
    parts.push_exactly(
        rows.len(),
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
}

/// Compare and set: each order is written over the state that was read.
fn moved(
    parts: &mut Parts,
    loaded: &Loaded,
    moved: &BTreeMap<OrderId, (TransactionKey, Status)>,
) -> Result<(), Error> {
    let rows = moved.iter().map(|(id, (scope, from))| Ok((loaded.order(scope, *id)?, *from)));
    let rows: Vec<(&Order, Status)> = rows.collect::<Result<_, Error>>()?;
    let cancelled = |of: fn(&Cancellation) -> String| {
        column(&rows, move |(order, _)| order.state.cancellation().map(of).unwrap_or_default())
    };
    parts.push_exactly(
        rows.len(),
        "UPDATE orders.orders o
         SET status = k.next, reason = k.reason, updated_at = k.updated_at,
             hold_until = CASE WHEN k.next IN ('DRAFT', 'PENDING') THEN k.hold_until ELSE o.hold_until END,
             cancelled_by = nullif(k.cancelled_by, ''), cancelled_from = nullif(k.cancelled_from, ''),
             outcome = nullif(k.outcome, '')
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
                     $7::text[], $8::text[], $9::text[])
              AS k (id, previous, next, reason, updated_at, hold_until, cancelled_by, cancelled_from, outcome)
         WHERE o.id = k.id AND o.status = k.previous",
        [
            column(&rows, |(order, _)| order.id.0),
            column(&rows, |(_, from)| from.as_str().to_owned()),
            column(&rows, |(order, _)| order.state.status().as_str().to_owned()),
            cancelled(|c| c.reason.clone()),
            column(&rows, |(order, _)| order.updated_at),
            column(&rows, |(order, _)| hold_until(order)),
            cancelled(|c| c.by.as_str().to_owned()),
            cancelled(|c| c.from.as_str().to_owned()),
            column(&rows, |(order, _)| order.outcome().map(|o| o.as_str().to_owned()).unwrap_or_default()),
        ],
    );
    Ok(())
}

fn quotes(parts: &mut Parts, periods: Periods, now: DateTime<Utc>, rows: &[(TransactionKey, Quote)]) {
    parts.push_exactly(
        rows.len(),
        "INSERT INTO orders.quotes (id, bap_id, transaction_id, items_json, quote_json, valid_until)
         SELECT k.id, k.bap_id, k.transaction_id, k.items, k.quote, $6::timestamptz
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::jsonb[])
              AS k (id, bap_id, transaction_id, items, quote)",
        [
            column(rows, |_| uuid_of(now)),
            column(rows, |(scope, _)| scope.bap.to_string()),
            column(rows, |(scope, _)| scope.transaction.to_string()),
            column(rows, |(_, quote)| json::items(quote)),
            column(rows, |(_, quote)| json::head(quote)),
            (now + periods.quote).into(),
        ],
    );
}

/// A key that another writer took meanwhile: run again, the batch finds that row.
fn or_lost_race(error: DbErr) -> Error {
    match sql_state(&error).as_deref() {
        Some("23505") => Error::LostRace,
        _ => error.into(),
    }
}
