//! Reads what a batch decides on, under the locks of its trades' rows.

pub(super) mod deliveries;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use p2p_domain::{ClientId, Energy, OrderId, ParticipantId};
use p2p_runtime::planted::{Bug, planted};
use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult};
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
    pub seq: i64,
    pub buyer_seq: i64,
    /// Whose it is; nobody's in particular when none.
    pub client: Option<ClientId>,
    /// Made by this batch.
    pub is_new: bool,
    pub trade: Trade,
    /// Accepted actions whose work is not done, by seq.
    open: BTreeSet<i64>,
}

impl LoadedTrade {
    /// One of which nothing has been read yet.
    pub fn new(scope: TransactionKey, now: DateTime<Utc>, hold: Duration) -> Self {
        let (orders, quotes) = (Vec::new(), Vec::new());
        let trade = Trade { scope, orders, quotes, now, hold, room: None };
        Self { seq: 0, buyer_seq: 0, client: None, is_new: false, trade, open: BTreeSet::new() }
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

    /// Whether it was made by this batch, and then nothing was stored in it.
    pub fn is_unused(&self) -> bool {
        self.is_new && self.is_empty()
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
        let missing = || Error::impossible("transactions", &scope.transaction, "was not locked");
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
        if !self.trade(scope)?.is_unused() {
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

    /// Counts a refusal that the buyer's side heard; 0 when the gateway has lost the delivery.
    pub fn refused(&mut self, delivery: Uuid, by: &GatewayId) -> i64 {
        let Some(scope) = self.delivery(delivery, by).map(|delivery| delivery.scope.clone()) else {
            return 0;
        };
        let Some(trade) = self.trades.get_mut(&scope) else { return 0 };
        trade.buyer_seq += 1;
        trade.buyer_seq
    }
}

/// Locks the trades in the order of their keys, making the new ones, and then reads what the operations need: in
/// later statements, which see what others committed before they gave up the locks.
pub(super) async fn load(
    tx: &DatabaseTransaction,
    periods: Periods,
    quotas: Quotas,
    ops: &[Op],
) -> Result<Loaded, Error> {
    let deliveries = deliveries::read(tx, ops).await?;
    let scopes: BTreeSet<&TransactionKey> =
        ops.iter().filter_map(scope).chain(deliveries.values().map(|delivery| &delivery.scope)).collect();
    let mut loaded = Loaded::default();
    lock(tx, periods, &scopes, &mut loaded).await?;
    let new = missing(&scopes, &loaded);
    let usage = quotas::trades(tx, quotas, ops, &new).await?;
    insert(tx, periods, ops, &new, &mut loaded).await?;
    // What another writer has made meanwhile.
    lock(tx, periods, &missing(&new, &loaded), &mut loaded).await?;
    drop(scopes);
    loaded.deliveries = deliveries::lock(tx, deliveries).await?;
    inbox(tx, ops, &mut loaded).await?;
    orders_and_quotes(tx, ops, &mut loaded).await?;
    loaded.usage = quotas::held(tx, ops, usage).await?;
    Ok(loaded)
}

fn missing<'a>(scopes: &BTreeSet<&'a TransactionKey>, loaded: &Loaded) -> BTreeSet<&'a TransactionKey> {
    scopes.iter().copied().filter(|scope| !loaded.trades.contains_key(scope)).collect()
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

/// The client of the first operation of a trade.
fn first_client<'a>(ops: &'a [Op], of: &TransactionKey) -> Option<&'a ClientId> {
    match ops.iter().find(|op| scope(op) == Some(of)) {
        Some(Op::Send(send)) => send.client.as_ref(),
        _ => None,
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

async fn lock(
    tx: &DatabaseTransaction,
    periods: Periods,
    scopes: &BTreeSet<&TransactionKey>,
    loaded: &mut Loaded,
) -> Result<(), Error> {
    if scopes.is_empty() {
        return Ok(());
    }
    let (baps, transactions) = columns(scopes.iter().copied());
    let statement = sql(
        "SELECT t.bap_id, t.transaction_id, t.seq, t.buyer_seq, t.client_id, false AS is_new,
                date_trunc('milliseconds', now()) AS now
         FROM orders.transactions t
         JOIN unnest($1::text[], $2::text[]) AS k (bap_id, transaction_id)
           ON t.bap_id = k.bap_id AND t.transaction_id = k.transaction_id
         ORDER BY t.bap_id, t.transaction_id
         FOR UPDATE OF t",
        [baps.into(), transactions.into()],
    );
    locked(&tx.query_all_raw(statement).await?, periods, loaded)
}

/// Rows that this transaction has locked.
fn locked(rows: &[QueryResult], periods: Periods, loaded: &mut Loaded) -> Result<(), Error> {
    for found in rows {
        loaded.now = found.try_get("", "now")?;
        let scope = row::scope(found)?;
        let trade = LoadedTrade {
            seq: found.try_get("", "seq")?,
            buyer_seq: found.try_get("", "buyer_seq")?,
            client: row::client(found)?,
            is_new: found.try_get("", "is_new")?,
            ..LoadedTrade::new(scope.clone(), loaded.now, periods.hold)
        };
        loaded.trades.insert(scope, trade);
    }
    Ok(())
}

/// Makes new trades. Who makes a row has it locked. Each is made for the client that asks first; it is written anew
/// with what is stored, if another is the first to store something.
async fn insert(
    tx: &DatabaseTransaction,
    periods: Periods,
    ops: &[Op],
    scopes: &BTreeSet<&TransactionKey>,
    loaded: &mut Loaded,
) -> Result<(), Error> {
    if scopes.is_empty() {
        return Ok(());
    }
    let (baps, transactions) = columns(scopes.iter().copied());
    let clients: Vec<String> = scopes.iter().map(|of| client_id(first_client(ops, of))).collect();
    let statement = sql(
        "INSERT INTO orders.transactions (bap_id, transaction_id, client_id)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) ORDER BY 1, 2
         ON CONFLICT DO NOTHING
         RETURNING bap_id, transaction_id, seq, buyer_seq, client_id, true AS is_new,
                   date_trunc('milliseconds', now()) AS now",
        [baps.into(), transactions.into(), clients.into()],
    );
    locked(&tx.query_all_raw(statement).await?, periods, loaded)
}

/// The inbox rows of the messages, and the open actions of the trades in which something new may have to wait.
async fn inbox(tx: &DatabaseTransaction, ops: &[Op], loaded: &mut Loaded) -> Result<(), Error> {
    let keys: HashSet<&InboxKey> = ops
        .iter()
        .filter_map(|op| match op {
            Op::Record(record) => Some(&record.message.key),
            Op::Begin(begin) => Some(&begin.message.key),
            Op::Finish(finish) => Some(&finish.key),
            Op::Send(_) | Op::Mark(_) | Op::Perform(_) | Op::Settle(_) | Op::Compose(_) => None,
        })
        .collect();
    let waiting = scopes_of(ops, |op| match op {
        Op::Record(record) => record.message.waits_for_earlier(),
        Op::Begin(_) | Op::Finish(_) | Op::Perform(_) => true,
        Op::Send(_) | Op::Mark(_) | Op::Settle(_) | Op::Compose(_) => false,
    });
    if keys.is_empty() && waiting.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&InboxKey) -> String| keys.iter().map(|key| of(key)).collect::<Vec<_>>();
    let (baps, transactions) = columns(waiting);
    let statement = sql(
        "SELECT i.*, encode(i.digest, 'hex') AS digest_hex
         FROM unnest($1::text[], $2::text[], $3::text[]) AS k (sender, action, message_id)
         JOIN orders.inbox i ON i.sender = k.sender AND i.action = k.action AND i.message_id = k.message_id
         UNION ALL
         SELECT i.*, encode(i.digest, 'hex')
         FROM unnest($4::text[], $5::text[]) AS k (bap_id, transaction_id)
         JOIN orders.inbox i ON i.bap_id = k.bap_id AND i.transaction_id = k.transaction_id AND i.status <> 'DONE'",
        [
            column(|k| k.sender.to_string()).into(),
            column(|k| k.action.clone()).into(),
            column(|k| k.message.to_string()).into(),
            baps.into(),
            transactions.into(),
        ],
    );
    for found in tx.query_all_raw(statement).await? {
        let row = InboxRow::read(&found)?;
        // A message may be repeated under another trade than its own, which is not locked then.
        if let Some(trade) = loaded.trades.get_mut(&row.scope) {
            trade.open(&row);
        }
        loaded.inbox.insert(row.key.clone(), row);
    }
    Ok(())
}

/// The trades' orders, and the quotes that are still honoured where an order may be made.
async fn orders_and_quotes(tx: &DatabaseTransaction, ops: &[Op], loaded: &mut Loaded) -> Result<(), Error> {
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
    for found in tx.query_all_raw(statement).await? {
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
