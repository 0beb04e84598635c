//! Reads what a batch decides on, under the locks of its trades' rows.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult};
use uuid::Uuid;

use super::{
    json,
    op::Op,
    row::{self, InboxRow, InboxStatus, Lease},
    sql,
};
use crate::{
    config::Periods,
    domain::{GatewayId, InboxKey, MarkResult, Trade, TransactionKey},
    error::Error,
};

/// What a batch decides on, and what becomes of it.
pub(super) struct Loaded {
    /// The database's clock.
    pub now: DateTime<Utc>,
    pub trades: BTreeMap<TransactionKey, LoadedTrade>,
    pub inbox: HashMap<InboxKey, InboxRow>,
    /// Deliveries that are marked with a refusal.
    refused: HashMap<Uuid, (TransactionKey, Lease)>,
}

/// A trade's row and what belongs to it.
pub(super) struct LoadedTrade {
    pub seq: i64,
    pub buyer_seq: i64,
    pub trade: Trade,
    /// Accepted actions whose work is not done, by seq.
    open: BTreeSet<i64>,
}

impl LoadedTrade {
    pub fn has_open(&self) -> bool {
        !self.open.is_empty()
    }

    pub fn open(&mut self, row: &InboxRow) {
        if row.status != InboxStatus::Done {
            self.open.insert(row.seq);
        }
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

    /// The open inbox row, if the gateway still has its lease.
    pub fn leased(&self, key: &InboxKey, scope: &TransactionKey, by: &GatewayId) -> Result<&InboxRow, Error> {
        let row = self.inbox.get(key).filter(|row| row.status != InboxStatus::Done && row.lease.is_of(by));
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

    /// Counts a refusal that the buyer's side heard; 0 when the gateway has lost the delivery.
    pub fn refused(&mut self, delivery: Uuid, by: &GatewayId) -> i64 {
        let Some((scope, _)) = self.refused.get(&delivery).filter(|(_, lease)| lease.is_of(by)) else {
            return 0;
        };
        let Some(trade) = self.trades.get_mut(scope) else { return 0 };
        trade.buyer_seq += 1;
        trade.buyer_seq
    }
}

/// Locks the trades in the order of their keys, making the new ones, and reads what the operations need.
pub(super) async fn load(tx: &DatabaseTransaction, periods: Periods, ops: &[Op]) -> Result<Loaded, Error> {
    let refused = refused_deliveries(tx, ops).await?;
    let scopes: BTreeSet<&TransactionKey> =
        ops.iter().filter_map(scope).chain(refused.values().map(|(scope, _)| scope)).collect();
    let mut loaded = Loaded {
        now: now(tx).await?,
        trades: BTreeMap::new(),
        inbox: HashMap::new(),
        refused: HashMap::new(),
    };
    lock(tx, periods, &scopes, &mut loaded).await?;
    let new = missing(&scopes, &loaded);
    if !new.is_empty() {
        insert(tx, periods, &new, &mut loaded).await?;
        // What another writer has made meanwhile.
        lock(tx, periods, &missing(&new, &loaded), &mut loaded).await?;
    }
    drop(scopes);
    loaded.refused = refused;
    inbox(tx, ops, &mut loaded).await?;
    open(tx, ops, &mut loaded).await?;
    orders(tx, ops, &mut loaded).await?;
    quotes(tx, ops, &mut loaded).await?;
    Ok(loaded)
}

fn missing<'a>(scopes: &BTreeSet<&'a TransactionKey>, loaded: &Loaded) -> BTreeSet<&'a TransactionKey> {
    scopes.iter().copied().filter(|scope| !loaded.trades.contains_key(scope)).collect()
}

fn scope(op: &Op) -> Option<&TransactionKey> {
    match op {
        Op::Record(record) => Some(&record.message.scope),
        Op::Begin(begin) => Some(&begin.message.scope),
        Op::Finish(finish) => Some(&finish.scope),
        Op::Send(send) => Some(&send.scope),
        Op::Mark(_) => None,
    }
}

async fn now(tx: &DatabaseTransaction) -> Result<DateTime<Utc>, Error> {
    let row = tx.query_one_raw(sql("SELECT date_trunc('milliseconds', now()) AS now", [])).await?;
    let row = row.ok_or_else(|| Error::impossible("now", "", "no row"))?;
    Ok(row.try_get("", "now")?)
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
        "SELECT t.bap_id, t.transaction_id, t.seq, t.buyer_seq
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
        let scope = row::scope(found)?;
        let trade = LoadedTrade {
            seq: found.try_get("", "seq")?,
            buyer_seq: found.try_get("", "buyer_seq")?,
            trade: Trade {
                scope: scope.clone(),
                orders: Vec::new(),
                quotes: Vec::new(),
                now: loaded.now,
                hold: periods.hold,
            },
            open: BTreeSet::new(),
        };
        loaded.trades.insert(scope, trade);
    }
    Ok(())
}

/// Makes new trades. Who makes a row has it locked.
async fn insert(
    tx: &DatabaseTransaction,
    periods: Periods,
    scopes: &BTreeSet<&TransactionKey>,
    loaded: &mut Loaded,
) -> Result<(), Error> {
    let (baps, transactions) = columns(scopes.iter().copied());
    let statement = sql(
        "INSERT INTO orders.transactions (bap_id, transaction_id)
         SELECT * FROM unnest($1::text[], $2::text[]) ORDER BY 1, 2
         ON CONFLICT DO NOTHING
         RETURNING bap_id, transaction_id, seq, buyer_seq",
        [baps.into(), transactions.into()],
    );
    locked(&tx.query_all_raw(statement).await?, periods, loaded)
}

async fn inbox(tx: &DatabaseTransaction, ops: &[Op], loaded: &mut Loaded) -> Result<(), Error> {
    let keys: HashSet<&InboxKey> = ops
        .iter()
        .filter_map(|op| match op {
            Op::Record(record) => Some(&record.message.key),
            Op::Begin(begin) => Some(&begin.message.key),
            Op::Finish(finish) => Some(&finish.key),
            Op::Send(_) | Op::Mark(_) => None,
        })
        .collect();
    if keys.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&InboxKey) -> String| keys.iter().map(|key| of(key)).collect::<Vec<_>>();
    let statement = sql(
        "SELECT i.*, encode(i.digest, 'hex') AS digest_hex
         FROM orders.inbox i
         JOIN unnest($1::text[], $2::text[], $3::text[]) AS k (sender, action, message_id)
           ON i.sender = k.sender AND i.action = k.action AND i.message_id = k.message_id",
        [
            column(|k| k.sender.to_string()).into(),
            column(|k| k.action.clone()).into(),
            column(|k| k.message.to_string()).into(),
        ],
    );
    for found in tx.query_all_raw(statement).await? {
        let row = InboxRow::read(&found)?;
        loaded.inbox.insert(row.key.clone(), row);
    }
    Ok(())
}

/// Open actions, of the trades in which something new may have to wait.
async fn open(tx: &DatabaseTransaction, ops: &[Op], loaded: &mut Loaded) -> Result<(), Error> {
    let scopes = scopes_of(ops, |op| match op {
        Op::Record(record) => record.message.waits_for_earlier(),
        Op::Begin(_) | Op::Finish(_) => true,
        Op::Send(_) | Op::Mark(_) => false,
    });
    if scopes.is_empty() {
        return Ok(());
    }
    let (baps, transactions) = columns(scopes);
    let statement = sql(
        "SELECT i.bap_id, i.transaction_id, i.seq
         FROM orders.inbox i
         JOIN unnest($1::text[], $2::text[]) AS k (bap_id, transaction_id)
           ON i.bap_id = k.bap_id AND i.transaction_id = k.transaction_id
         WHERE i.status <> 'DONE'",
        [baps.into(), transactions.into()],
    );
    for found in tx.query_all_raw(statement).await? {
        let seq = found.try_get("", "seq")?;
        loaded.trade(&row::scope(&found)?)?.open.insert(seq);
    }
    Ok(())
}

async fn orders(tx: &DatabaseTransaction, ops: &[Op], loaded: &mut Loaded) -> Result<(), Error> {
    let scopes = scopes_of(ops, |op| match op {
        Op::Begin(_) => true,
        Op::Finish(finish) => finish.change.is_some(),
        Op::Record(_) | Op::Send(_) | Op::Mark(_) => false,
    });
    if scopes.is_empty() {
        return Ok(());
    }
    let (baps, transactions) = columns(scopes);
    let statement = sql(
        "SELECT o.* FROM orders.orders o
         JOIN unnest($1::text[], $2::text[]) AS k (bap_id, transaction_id)
           ON o.bap_id = k.bap_id AND o.transaction_id = k.transaction_id
         ORDER BY o.created_at, o.id",
        [baps.into(), transactions.into()],
    );
    for found in tx.query_all_raw(statement).await? {
        let order = row::order(&found)?;
        loaded.trade(&order.scope.clone())?.trade.orders.push(order);
    }
    Ok(())
}

/// Quotes that are still honoured, of the trades in which an order may be made.
async fn quotes(tx: &DatabaseTransaction, ops: &[Op], loaded: &mut Loaded) -> Result<(), Error> {
    let scopes = scopes_of(
        ops,
        |op| matches!(op, Op::Begin(begin) if matches!(begin.intent, crate::domain::Intent::Init { .. })),
    );
    if scopes.is_empty() {
        return Ok(());
    }
    let (baps, transactions) = columns(scopes);
    let statement = sql(
        "SELECT q.* FROM orders.quotes q
         JOIN unnest($1::text[], $2::text[]) AS k (bap_id, transaction_id)
           ON q.bap_id = k.bap_id AND q.transaction_id = k.transaction_id
         WHERE q.valid_until > now()
         ORDER BY q.created_at DESC",
        [baps.into(), transactions.into()],
    );
    for found in tx.query_all_raw(statement).await? {
        let scope = row::scope(&found)?;
        let quote =
            json::quote(&found).map_err(|why| Error::impossible("quotes", &scope.transaction, why))?;
        loaded.trade(&scope)?.trade.quotes.push(quote);
    }
    Ok(())
}

fn scopes_of(ops: &[Op], wanted: impl Fn(&Op) -> bool) -> BTreeSet<&TransactionKey> {
    ops.iter().filter(|op| wanted(op)).filter_map(scope).collect()
}

async fn refused_deliveries(
    tx: &DatabaseTransaction,
    ops: &[Op],
) -> Result<HashMap<Uuid, (TransactionKey, Lease)>, Error> {
    let refused = |(id, result): &(Uuid, MarkResult)| result.refusal().map(|_| *id);
    let ids: Vec<Uuid> = ops
        .iter()
        .filter_map(|op| match op {
            Op::Mark(mark) => Some(mark.marks.iter().filter_map(refused)),
            Op::Record(_) | Op::Begin(_) | Op::Finish(_) | Op::Send(_) => None,
        })
        .flatten()
        .collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let statement = sql(
        "SELECT id, bap_id, transaction_id, lease_gateway, lease_incarnation
         FROM orders.outbox WHERE id = ANY($1::uuid[]) AND status = 'PENDING'",
        [ids.into()],
    );
    let mut found = HashMap::new();
    for row in tx.query_all_raw(statement).await? {
        let lease = Lease {
            gateway: row.try_get("", "lease_gateway")?,
            incarnation: row.try_get("", "lease_incarnation")?,
        };
        found.insert(row.try_get("", "id")?, (row::scope(&row)?, lease));
    }
    Ok(found)
}
