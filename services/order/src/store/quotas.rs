//! What tenants have already, and what a batch adds to it. Nothing is asked where there is no quota.

use std::collections::{BTreeSet, HashMap};

use p2p_domain::{ClientId, Energy, ParticipantId};
use rust_decimal::Decimal;
use sea_orm::{ConnectionTrait, DatabaseConnection};

use super::{
    load::{client_id, scope},
    op::Op,
    sql,
};
use crate::{
    config::Quotas,
    domain::{Intent, Room, TransactionKey},
    error::Error,
};

/// Whose trade it is: its BAP, and its client if it has one.
type Owner = (String, String);

/// What tenants have that a batch is about.
#[derive(Default)]
pub(super) struct Usage {
    quotas: Quotas,
    /// New trades of the last 24 hours.
    trades: HashMap<Owner, i64>,
    /// What unconfirmed orders hold, by BAP.
    held: HashMap<String, Energy>,
}

impl Usage {
    /// Counts a new trade.
    ///
    /// # Errors
    /// When its owner has made as many as it may.
    pub fn more_trades(&mut self, scope: &TransactionKey, client: Option<&ClientId>) -> Result<(), Error> {
        let Some(most) = self.quotas.trades else { return Ok(()) };
        let made = self.trades.entry(owner(scope, client)).or_default();
        if *made >= i64::from(most.get()) {
            return Err(Error::QuotaExceeded(most));
        }
        *made += 1;
        Ok(())
    }

    /// How much more the BAP may hold.
    pub fn room(&self, bap: &ParticipantId) -> Option<Room> {
        let held = self.held.get(bap.as_str()).copied().unwrap_or_default();
        self.quotas.held.map(|most| Room { most, held })
    }

    /// Counts what a new order of the BAP holds. It is held until another batch reads that it is not.
    pub fn hold(&mut self, bap: &ParticipantId, quantity: Energy) {
        if self.quotas.held.is_some() {
            let held = self.held.entry(bap.to_string()).or_default();
            // Within the quota, and that is an energy.
            *held = held.checked_add(quantity).unwrap_or(*held);
        }
    }
}

fn owner(scope: &TransactionKey, client: Option<&ClientId>) -> Owner {
    (scope.bap.to_string(), client_id(client))
}

/// How many trades they have made who now may make those that are new.
pub(super) async fn trades(
    db: &DatabaseConnection,
    quotas: Quotas,
    ops: &[Op],
    new: &BTreeSet<&TransactionKey>,
) -> Result<Usage, Error> {
    let mut usage = Usage { quotas, ..Usage::default() };
    let Some(most) = quotas.trades else { return Ok(usage) };
    let is_new = |op: &&Op| scope(op).is_some_and(|scope| new.contains(scope));
    let owners: BTreeSet<Owner> = ops.iter().filter(is_new).filter_map(maker).collect();
    if owners.is_empty() {
        return Ok(usage);
    }
    let (baps, clients): (Vec<String>, Vec<String>) = owners.into_iter().unzip();
    // No more rows are counted than it takes to know.
    let statement = sql(
        "SELECT k.bap_id, k.client_id, (
             SELECT count(*) FROM (
                 SELECT FROM orders.transactions t
                 WHERE t.bap_id = k.bap_id AND t.client_id = k.client_id
                   AND t.created_at > now() - interval '24 hours'
                 LIMIT $3
             ) t
         ) AS made
         FROM unnest($1::text[], $2::text[]) AS k (bap_id, client_id)",
        [baps.into(), clients.into(), i64::from(most.get()).into()],
    );
    for found in db.query_all_raw(statement).await? {
        let owner = (found.try_get("", "bap_id")?, found.try_get("", "client_id")?);
        usage.trades.insert(owner, found.try_get("", "made")?);
    }
    Ok(usage)
}

/// Whose trade it would be that the operation made. What our buyer's side sends for no client is not counted.
fn maker(op: &Op) -> Option<Owner> {
    match op {
        Op::Record(record) => Some(owner(&record.message.scope, None)),
        Op::Begin(begin) => Some(owner(&begin.message.scope, None)),
        Op::Send(send) => send.client.as_ref().map(|client| owner(&send.scope, Some(client))),
        Op::Finish(_) | Op::Mark(_) | Op::Perform(_) | Op::Settle(_) | Op::Compose(_) => None,
    }
}

/// Adds what the unconfirmed orders hold of those who want more now.
pub(super) async fn held(db: &DatabaseConnection, ops: &[Op], mut usage: Usage) -> Result<Usage, Error> {
    let baps: BTreeSet<String> = ops.iter().filter_map(wants).map(ToString::to_string).collect();
    if usage.quotas.held.is_none() || baps.is_empty() {
        return Ok(usage);
    }
    let statement = sql(
        "SELECT bap_id, sum(total_qty) AS held FROM orders.orders
         WHERE bap_id = ANY ($1) AND status IN ('DRAFT', 'PENDING', 'EXPIRING')
         GROUP BY bap_id",
        [baps.into_iter().collect::<Vec<_>>().into()],
    );
    for found in db.query_all_raw(statement).await? {
        let held = Energy::from_kwh(found.try_get::<Decimal>("", "held")?);
        // More than can be one quantity is more than any quota.
        usage.held.insert(found.try_get("", "bap_id")?, held.unwrap_or(Energy::MOST));
    }
    Ok(usage)
}

/// Who wants to hold more.
fn wants(op: &Op) -> Option<&ParticipantId> {
    match op {
        Op::Begin(begin) if matches!(begin.intent, Intent::Init { .. }) => Some(&begin.message.scope.bap),
        _ => None,
    }
}
