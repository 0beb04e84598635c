//! Reads what a batch decides on: each trade with its version, by which is found when it is written whether the trade is as
//! it was read.

pub(super) mod deliveries;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use chrono::{DateTime, Utc};
use p2p_domain::{ClientId, Energy, OrderId, ParticipantId};
use p2p_runtime::planted::{Bug, planted};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use uuid::Uuid;

use deliveries::LoadedDelivery;

use super::{
    json,
    op::Op,
    quotas::{self, Usage},
    row::{self, InboxRow, InboxStatus},
    sql,
};
use crate::{
    config::{Periods, Quotas},
    domain::{GatewayId, InboxKey, Order, Quote, Room, Trade, TransactionKey},
    error::Error,
};

/// What a batch decides on, and what becomes of it.
#[derive(Default)]
pub(super) struct Loaded {
    /// The database's clock, when any trade is loaded.
    pub now: DateTime<Utc>,
    pub trades: BTreeMap<TransactionKey, LoadedTrade>,
    pub inbox: HashMap<InboxKey, InboxRow>,
    /// Deliveries that are marked with a refusal, or get their text.
    pub deliveries: HashMap<Uuid, LoadedDelivery>,
    usage: Usage,
}

/// A trade's row and what belongs to it.
pub(super) struct LoadedTrade {
    /// How often it was written; none when it is not stored yet.
    pub version: Option<i64>,
    pub seq: i64,
    pub buyer_seq: i64,
    /// Whose it is; nobody's in particular when none.
    pub client: Option<ClientId>,
    pub trade: Trade,
    /// Accepted actions whose work is not done, by seq.
    open: BTreeSet<i64>,
}

impl LoadedTrade {
    /// One of which nothing has been read yet.
    pub fn new(scope: TransactionKey, now: DateTime<Utc>, hold: Duration) -> Self {
        let (orders, quotes) = (Vec::new(), Vec::new());
        let trade = Trade { scope, orders, quotes, now, hold, room: None };
        Self { version: None, seq: 0, buyer_seq: 0, client: None, trade, open: BTreeSet::new() }
    }

    pub fn has_open(&self) -> bool {
        !self.open.is_empty()
    }

    pub fn open(&mut self, row: &InboxRow) {
        if row.status != InboxStatus::Done {
            self.open.insert(row.seq);
        }
    }

    /// Whether nothing has been stored in it yet. Such a trade is of whoever stores something first.
    pub fn is_empty(&self) -> bool {
        self.seq == 0
    }

    /// Whether it is not stored yet.
    pub fn is_new(&self) -> bool {
        self.version.is_none()
    }

    /// Whether a request of this client may be stored in it. A client's trade is its own, and nobody's is no client's;
    /// without clients all are everybody's.
    pub fn is_open_to(&self, client: Option<&ClientId>) -> bool {
        client.is_none() || self.is_empty() || self.client.as_ref() == client
    }

    /// The next seq, and the next buyer_seq if the buyer's side did or heard it.
    pub fn next(&mut self, buyers: bool) -> (i64, i64) {
        self.seq += 1;
        if buyers {
            self.buyer_seq += 1;
        }
        (self.seq, if buyers { self.buyer_seq } else { 0 })
    }
}

impl Loaded {
    pub fn trade(&mut self, scope: &TransactionKey) -> Result<&mut LoadedTrade, Error> {
        let missing = || Error::impossible("transactions", &scope.transaction, "was not read");
        self.trades.get_mut(scope).ok_or_else(missing)
    }

    /// An order as it is now.
    pub fn order(&self, scope: &TransactionKey, id: OrderId) -> Result<&Order, Error> {
        let orders = self.trades.get(scope).map(|trade| &trade.trade.orders);
        let order = orders.and_then(|orders| orders.iter().find(|order| order.id == id));
        order.ok_or_else(|| Error::impossible("orders", id, "was not read"))
    }

    /// Counts a trade that the batch makes by what is stored next.
    ///
    /// # Errors
    /// When its client, or its BAP where it is no client's, has made as many as it may.
    pub fn more_trades(&mut self, scope: &TransactionKey, client: Option<&ClientId>) -> Result<(), Error> {
        let trade = self.trade(scope)?;
        if !trade.is_new() || !trade.is_empty() {
            return Ok(());
        }
        self.usage.more_trades(scope, client)
    }

    /// How much more the BAP may hold.
    pub fn room(&self, bap: &ParticipantId) -> Option<Room> {
        self.usage.room(bap)
    }

    /// Counts what a new order of the BAP holds.
    pub fn hold(&mut self, bap: &ParticipantId, quantity: Energy) {
        self.usage.hold(bap, quantity);
    }

    /// The open inbox row, if the gateway still has its lease.
    pub fn leased(&self, key: &InboxKey, scope: &TransactionKey, by: &GatewayId) -> Result<&InboxRow, Error> {
        let is_theirs = |row: &&InboxRow| row.status != InboxStatus::Done && row.lease.is_of(by);
        let row = self.inbox.get(key).filter(|row| is_theirs(row) || planted(Bug::Unfenced));
        row.filter(|row| row.scope == *scope).ok_or_else(|| Error::LeaseLost(key.message.to_string()))
    }

    /// Closes an open action.
    pub fn close(&mut self, key: &InboxKey, scope: &TransactionKey) -> Result<(), Error> {
        if let Some(row) = self.inbox.get_mut(key) {
            row.status = InboxStatus::Done;
            let seq = row.seq;
            self.trade(scope)?.open.remove(&seq);
        }
        Ok(())
    }

    /// The open outbox row, if the gateway still has its lease.
    pub fn delivery(&mut self, id: Uuid, by: &GatewayId) -> Option<&mut LoadedDelivery> {
        self.deliveries.get_mut(&id).filter(|delivery| delivery.is_leased_by(by))
    }

    /// Counts a refusal that the buyer's side heard. Answers the trade and the newest buyer_seq; none when the gateway
    /// has lost the delivery, or has said so before.
    pub fn refused(&mut self, delivery: Uuid, by: &GatewayId) -> Option<(TransactionKey, i64)> {
        let scope = self.delivery(delivery, by)?.scope.clone();
        self.deliveries.remove(&delivery);
        let trade = self.trades.get_mut(&scope)?;
        trade.buyer_seq += 1;
        Some((scope, trade.buyer_seq))
    }
}

/// Reads the trades before what belongs to them: what others change after that is found when the trades are written.
pub(super) async fn load(
    db: &DatabaseConnection,
    periods: Periods,
    quotas: Quotas,
    ops: &[Op],
) -> Result<Loaded, Error> {
    let deliveries = deliveries::read(db, ops).await?;
    let scopes: BTreeSet<&TransactionKey> =
        ops.iter().filter_map(scope).chain(deliveries.values().map(|delivery| &delivery.scope)).collect();
    let mut loaded = Loaded::default();
    trades_and_inbox(db, periods, &scopes, ops, &mut loaded).await?;
    let is_new = |scope: &&TransactionKey| loaded.trades.get(*scope).is_none_or(LoadedTrade::is_new);
    let new: BTreeSet<&TransactionKey> = scopes.iter().copied().filter(is_new).collect();
    let usage = quotas::trades(db, quotas, ops, &new).await?;
    drop((scopes, new));
    loaded.deliveries = deliveries;
    orders_and_quotes(db, ops, &mut loaded).await?;
    loaded.usage = quotas::held(db, ops, usage).await?;
    Ok(loaded)
}

pub(super) fn scope(op: &Op) -> Option<&TransactionKey> {
    match op {
        Op::Record(record) => Some(&record.message.scope),
        Op::Begin(begin) => Some(&begin.message.scope),
        Op::Finish(finish) => Some(&finish.scope),
        Op::Send(send) => Some(&send.scope),
        Op::Perform(perform) => Some(&perform.scope),
        Op::Settle(settle) => Some(&settle.scope),
        Op::Mark(_) | Op::Compose(_) => None,
    }
}

/// As a row has it.
pub(super) fn client_id(client: Option<&ClientId>) -> String {
    client.map(ToString::to_string).unwrap_or_default()
}

/// Two columns of a set of trades, to be unnested.
fn columns<'a>(scopes: impl IntoIterator<Item = &'a TransactionKey>) -> (Vec<String>, Vec<String>) {
    scopes.into_iter().map(|s| (s.bap.to_string(), s.transaction.to_string())).unzip()
}

/// The trades, the inbox rows of the messages, and the open actions of the trades in which something new may have to
/// wait.
async fn trades_and_inbox(
    db: &DatabaseConnection,
    periods: Periods,
    scopes: &BTreeSet<&TransactionKey>,
    ops: &[Op],
    loaded: &mut Loaded,
) -> Result<(), Error> {
    if scopes.is_empty() {
        return Ok(());
    }
    // Each with whether anything that comes under it now is signed, and so may be a replay.
    let mut keys: HashMap<&InboxKey, bool> = HashMap::new();
    for op in ops {
        let (key, is_signed) = match op {
            Op::Record(record) => (&record.message.key, !record.message.authorization.is_empty()),
            Op::Begin(begin) => (&begin.message.key, !begin.message.authorization.is_empty()),
            Op::Finish(finish) => (&finish.key, false),
            Op::Send(_) | Op::Mark(_) | Op::Perform(_) | Op::Settle(_) | Op::Compose(_) => continue,
        };
        *keys.entry(key).or_default() |= is_signed;
    }
    let waiting = scopes_of(ops, |op| match op {
        Op::Record(record) => record.message.waits_for_earlier(),
        Op::Begin(_) | Op::Finish(_) | Op::Perform(_) => true,
        Op::Send(_) | Op::Mark(_) | Op::Settle(_) | Op::Compose(_) => false,
    });
    let column = |of: fn(&InboxKey) -> String| keys.keys().map(|key| of(key)).collect::<Vec<_>>();
    let (baps, transactions) = columns(scopes.iter().copied());
    let (waiting_baps, waiting_transactions) = columns(waiting);
    let statement = sql(
        TRADES_AND_INBOX,
        [
            baps.into(),
            transactions.into(),
            column(|k| k.sender.to_string()).into(),
            column(|k| k.action.clone()).into(),
            column(|k| k.message.to_string()).into(),
            waiting_baps.into(),
            waiting_transactions.into(),
            keys.values().copied().collect::<Vec<bool>>().into(),
        ],
    );
    let mut inbox = Vec::new();
    for found in db.query_all_raw(statement).await? {
        if !found.try_get::<bool>("", "is_trade")? {
            inbox.push(InboxRow::read(&found)?);
            continue;
        }
        let scope = row::scope(&found)?;
        loaded.now = found.try_get("", "created_at")?;
        let new = LoadedTrade::new(scope.clone(), loaded.now, periods.hold);
        let trade = match found.try_get("", "version")? {
            None => new,
            version => LoadedTrade {
                version,
                seq: found.try_get("", "seq")?,
                buyer_seq: found.try_get("", "buyer_seq")?,
                client: row::client(&found)?,
                ..new
            },
        };
        loaded.trades.insert(scope, trade);
    }
    for row in inbox {
        // A message may be repeated under another trade than its own, which is not read then.
        if let Some(trade) = loaded.trades.get_mut(&row.scope) {
            trade.open(&row);
        }
        // One that is asked for and open is read twice, and once without its header.
        if !row.authorization.is_empty() || !loaded.inbox.contains_key(&row.key) {
            loaded.inbox.insert(row.key.clone(), row);
        }
    }
    Ok(())
}

/// Of a trade `created_at` is the time now. All in one statement, and so as of one moment. The event of a message is
/// looked at only where what comes now is signed.
const TRADES_AND_INBOX: &str = r#"
    SELECT true AS is_trade, k.bap_id, k.transaction_id, t.version, t.seq, t.buyer_seq, t.client_id,
           date_trunc('milliseconds', now()) AS created_at, '' AS sender, '' AS action, '' AS message_id,
           NULL::uuid AS event_id, '' AS digest_hex, NULL AS error_code, NULL AS error_message, now() AS answered_at,
           '' AS status, '' AS lease_gateway, 0::bigint AS lease_incarnation, '' AS traceparent,
           NULL AS "authorization"
    FROM unnest($1::text[], $2::text[]) AS k (bap_id, transaction_id)
    LEFT JOIN orders.transactions t ON t.bap_id = k.bap_id AND t.transaction_id = k.transaction_id
    UNION ALL
    SELECT false, i.bap_id, i.transaction_id, NULL, i.seq, i.buyer_seq, '', i.created_at, i.sender, i.action,
           i.message_id, i.event_id, encode(i.digest, 'hex'), i.error_code, i.error_message, i.answered_at, i.status,
           i.lease_gateway, i.lease_incarnation, i.traceparent,
           CASE WHEN k.is_signed THEN (SELECT e."authorization" FROM orders.events e WHERE e.id = i.event_id) END
    FROM unnest($3::text[], $4::text[], $5::text[], $8::boolean[]) AS k (sender, action, message_id, is_signed)
    JOIN orders.inbox i ON i.sender = k.sender AND i.action = k.action AND i.message_id = k.message_id
    UNION ALL
    SELECT false, i.bap_id, i.transaction_id, NULL, i.seq, i.buyer_seq, '', i.created_at, i.sender, i.action,
           i.message_id, i.event_id, encode(i.digest, 'hex'), i.error_code, i.error_message, i.answered_at, i.status,
           i.lease_gateway, i.lease_incarnation, i.traceparent, NULL
    FROM unnest($6::text[], $7::text[]) AS k (bap_id, transaction_id)
    JOIN orders.inbox i ON i.bap_id = k.bap_id AND i.transaction_id = k.transaction_id AND i.status <> 'DONE'"#;

/// The trades' orders, and the quotes that are still honoured where an order may be made.
async fn orders_and_quotes(db: &DatabaseConnection, ops: &[Op], loaded: &mut Loaded) -> Result<(), Error> {
    let with_orders = scopes_of(ops, |op| match op {
        Op::Begin(_) | Op::Perform(_) | Op::Settle(_) => true,
        Op::Finish(finish) => finish.change.is_some(),
        Op::Record(_) | Op::Send(_) | Op::Mark(_) | Op::Compose(_) => false,
    });
    if with_orders.is_empty() {
        return Ok(());
    }
    let with_quotes = scopes_of(
        ops,
        |op| matches!(op, Op::Begin(begin) if matches!(begin.intent, crate::domain::Intent::Init { .. })),
    );
    let (baps, transactions) = columns(with_orders);
    let (quote_baps, quote_transactions) = columns(with_quotes);
    let statement = sql(
        "SELECT o.id, o.bap_id, o.transaction_id, o.items_json, o.quote_json, o.status, o.reason, o.cancelled_by,
                o.cancelled_from, o.hold_until, o.created_at, o.updated_at
         FROM unnest($1::text[], $2::text[]) AS k (bap_id, transaction_id)
         JOIN orders.orders o ON o.bap_id = k.bap_id AND o.transaction_id = k.transaction_id
         UNION ALL
         SELECT q.id, q.bap_id, q.transaction_id, q.items_json, q.quote_json, 'QUOTE', '', NULL, NULL,
                q.valid_until, q.created_at, q.created_at
         FROM unnest($3::text[], $4::text[]) AS k (bap_id, transaction_id)
         JOIN orders.quotes q ON q.bap_id = k.bap_id AND q.transaction_id = k.transaction_id
         WHERE q.valid_until > now()",
        [baps.into(), transactions.into(), quote_baps.into(), quote_transactions.into()],
    );
    let mut quotes: Vec<(DateTime<Utc>, TransactionKey, Quote)> = Vec::new();
    for found in db.query_all_raw(statement).await? {
        let scope = row::scope(&found)?;
        if found.try_get::<String>("", "status")? == "QUOTE" {
            let quote =
                json::quote(&found).map_err(|why| Error::impossible("quotes", &scope.transaction, why))?;
            quotes.push((found.try_get("", "created_at")?, scope, quote));
        } else {
            loaded.trade(&scope)?.trade.orders.push(row::order(&found)?);
        }
    }
    quotes.sort_by_key(|(created_at, _, _)| std::cmp::Reverse(*created_at));
    for (_, scope, quote) in quotes {
        loaded.trade(&scope)?.trade.quotes.push(quote);
    }
    for trade in loaded.trades.values_mut() {
        trade.trade.orders.sort_by_key(|order| (order.created_at, order.id));
    }
    Ok(())
}

fn scopes_of(ops: &[Op], wanted: impl Fn(&Op) -> bool) -> BTreeSet<&TransactionKey> {
    ops.iter().filter(|op| wanted(op)).filter_map(scope).collect()
}
