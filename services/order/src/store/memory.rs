//! The mailbox over rows in memory, for models of the whole: what is decided is decided by the same code as in the
//! service. Only what SQL does is said again: locks, leases, who may claim and mark.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use p2p_domain::{MessageId, OrderId};
use uuid::Uuid;

use super::{
    batch::Batch,
    load::{Loaded, LoadedTrade, deliveries::LoadedDelivery, scope},
    op::{Done, Op},
    row::{EventRow, InboxRow, InboxStatus, Lease, OutboxRow},
    save::{Advance, Writes},
};
use crate::{
    domain::{GatewayId, InboxKey, MarkResult, Order, Status, TransactionKey},
    error::Error,
};

/// All rows, as they are committed.
pub(crate) struct Rows {
    pub now: DateTime<Utc>,
    pub lease: Duration,
    pub hold: Duration,
    pub orders: BTreeMap<OrderId, Order>,
    pub inbox: BTreeMap<InboxKey, Leased<InboxRow>>,
    pub outbox: Vec<Outgoing>,
    /// seq and buyer_seq.
    trades: BTreeMap<TransactionKey, (i64, i64)>,
    events: BTreeMap<Uuid, EventRow>,
}

/// A row that somebody works on until then.
pub(crate) struct Leased<R> {
    pub row: R,
    until: DateTime<Utc>,
}

/// A row of the outbox.
pub(crate) struct Outgoing {
    leased: Leased<OutboxRow>,
    pub delivered: bool,
}

impl Outgoing {
    pub fn id(&self) -> Uuid {
        self.leased.row.id
    }

    pub fn action(&self) -> &str {
        &self.leased.row.action
    }

    pub fn message(&self) -> &MessageId {
        &self.leased.row.message
    }

    pub fn scope(&self) -> &TransactionKey {
        &self.leased.row.scope
    }

    /// What it is about that nobody asked for.
    pub fn order(&self) -> Option<OrderId> {
        self.leased.row.order
    }
}

impl Leased<InboxRow> {
    pub fn is_open(&self) -> bool {
        self.row.status != InboxStatus::Done
    }

    pub fn is_begun(&self) -> bool {
        self.row.status == InboxStatus::Begun
    }
}

impl Rows {
    pub fn new(now: DateTime<Utc>, lease: Duration, hold: Duration) -> Self {
        Self {
            now,
            lease,
            hold,
            orders: BTreeMap::new(),
            inbox: BTreeMap::new(),
            outbox: Vec::new(),
            trades: BTreeMap::new(),
            events: BTreeMap::new(),
        }
    }

    /// Commits operations in one transaction.
    pub fn commit(&mut self, ops: &[Op]) -> Vec<Result<Done, Error>> {
        let mut batch = Batch { loaded: self.load(ops), writes: Writes::default() };
        let done = ops.iter().map(|op| batch.decide(op)).collect();
        self.save(batch);
        done
    }

    fn load(&self, ops: &[Op]) -> Loaded {
        let mut loaded = Loaded::default();
        loaded.now = self.now;
        for Outgoing { leased, delivered } in &self.outbox {
            let OutboxRow { id, scope, lease, event, .. } = leased.row.clone();
            if !delivered {
                loaded.deliveries.insert(id, LoadedDelivery { scope, lease, has_text: event.is_some() });
            }
        }
        let composed = ops.iter().filter_map(|op| match op {
            Op::Compose(compose) => loaded.deliveries.get(&compose.delivery).map(|known| &known.scope),
            _ => None,
        });
        for scope in ops.iter().filter_map(scope).chain(composed) {
            let mut trade = LoadedTrade::new(scope.clone(), self.now, self.hold);
            (trade.seq, trade.buyer_seq) = self.trades.get(scope).copied().unwrap_or_default();
            trade.version = self.trades.get(scope).map(|_| 0);
            let orders = self.orders.values().filter(|order| order.scope == *scope);
            trade.trade.orders.extend(orders.cloned());
            trade.trade.orders.sort_by_key(|order| order.created_at);
            self.inbox.values().filter(|leased| leased.row.scope == *scope).for_each(|l| trade.open(&l.row));
            loaded.trades.insert(scope.clone(), trade);
        }
        let asked = ops.iter().filter_map(|op| match op {
            Op::Record(record) => Some(&record.message.key),
            Op::Begin(begin) => Some(&begin.message.key),
            Op::Finish(finish) => Some(&finish.key),
            Op::Send(_) | Op::Mark(_) | Op::Perform(_) | Op::Settle(_) | Op::Compose(_) => None,
        });
        let found = asked.filter_map(|key| Some((key.clone(), self.inbox.get(key)?.row.clone())));
        loaded.inbox.extend(found);
        loaded
    }

    fn save(&mut self, Batch { loaded, writes }: Batch) {
        for (scope, trade) in &loaded.trades {
            if !trade.is_new() || !trade.is_empty() {
                self.trades.insert(scope.clone(), (trade.seq, trade.buyer_seq));
            }
        }
        for event in writes.events {
            self.events.insert(event.id, event);
        }
        for row in writes.inbox {
            let until = if row.lease == Lease::default() { self.now } else { self.now + self.lease };
            self.inbox.insert(row.key.clone(), Leased { row, until });
        }
        for Advance { key, status, .. } in writes.advances {
            if let Some(leased) = self.inbox.get_mut(&key) {
                leased.row.status = status;
            }
        }
        for order in writes.orders {
            self.orders.insert(order.id, order);
        }
        for (id, (scope, _)) in writes.moved {
            if let Ok(order) = loaded.order(&scope, id) {
                self.orders.insert(id, order.clone());
            }
        }
        for row in writes.outbox {
            let until = if row.lease == Lease::default() { self.now } else { row.due_at + self.lease };
            self.outbox.push(Outgoing { leased: Leased { row, until }, delivered: false });
        }
        for (id, event, uri) in writes.composed {
            if let Some(leased) = self.pending(id).filter(|leased| leased.row.event.is_none()) {
                (leased.row.event, leased.row.uri) = (Some(event), uri);
            }
        }
        let refused = writes.refused.into_iter().map(|(_, marked)| marked);
        for (id, gateway, result) in refused.chain(writes.marks) {
            self.mark(id, &gateway, &result);
        }
    }

    fn mark(&mut self, id: Uuid, gateway: &GatewayId, result: &MarkResult) {
        let now = self.now;
        let Some(leased) = self.pending(id).filter(|leased| leased.row.lease.is_of(gateway)) else { return };
        leased.until = now;
        if matches!(result, MarkResult::Delivered(_))
            && let Some(outgoing) = self.outbox.iter_mut().find(|outgoing| outgoing.id() == id)
        {
            outgoing.delivered = true;
        }
    }

    fn pending(&mut self, id: Uuid) -> Option<&mut Leased<OutboxRow>> {
        let mut pending = self.outbox.iter_mut().filter(|outgoing| !outgoing.delivered);
        pending.find(|outgoing| outgoing.id() == id).map(|outgoing| &mut outgoing.leased)
    }

    /// A message's text; none while it is to be composed.
    pub fn text(&self, outgoing: &Outgoing) -> Option<&str> {
        Some(&self.events.get(&outgoing.leased.row.event?)?.raw_json)
    }

    /// The header of what a message answers; none when it answers nothing.
    pub fn request_header(&self, outgoing: &Outgoing) -> Option<&str> {
        Some(&self.events.get(&outgoing.leased.row.request?)?.authorization)
    }

    /// Takes over the first open action of each trade, and what is due, where nobody works on it.
    pub fn claim(&mut self, gateway: &GatewayId) -> (Vec<InboxKey>, Vec<Uuid>) {
        let (now, lease) = (self.now, self.lease);
        let free = |held: &Lease, until: DateTime<Utc>| {
            until <= now || held.gateway == gateway.id && held.incarnation < gateway.incarnation
        };
        let mut heads: BTreeMap<TransactionKey, (i64, InboxKey)> = BTreeMap::new();
        for (key, leased) in self.inbox.iter().filter(|(_, leased)| leased.is_open()) {
            let head = heads.entry(leased.row.scope.clone()).or_insert((leased.row.seq, key.clone()));
            if leased.row.seq < head.0 {
                *head = (leased.row.seq, key.clone());
            }
        }
        let mut claimed = (Vec::new(), Vec::new());
        for (_, key) in heads.into_values() {
            if let Some(leased) = self.inbox.get_mut(&key).filter(|l| free(&l.row.lease, l.until)) {
                (leased.row.lease, leased.until) = (Lease::of(Some(gateway)), now + lease);
                claimed.0.push(key);
            }
        }
        for Outgoing { leased, .. } in self.outbox.iter_mut().filter(|outgoing| !outgoing.delivered) {
            if leased.row.due_at <= now && free(&leased.row.lease, leased.until) {
                (leased.row.lease, leased.until) = (Lease::of(Some(gateway)), now + lease);
                claimed.1.push(leased.row.id);
            }
        }
        claimed
    }

    /// Orders whose hold is over or that are given up, and with which no action goes on.
    pub fn over(&self) -> Vec<(TransactionKey, OrderId)> {
        let is_over = |order: &&Order| {
            order.state.status() == Status::Cancelling
                || order.state.hold_until().is_some_and(|until| until <= self.now)
        };
        let is_free = |order: &&Order| !self.is_busy(&order.scope);
        let over = self.orders.values().filter(is_over).filter(is_free);
        over.map(|order| (order.scope.clone(), order.id)).collect()
    }

    /// Whether an action of the trade is open.
    pub fn is_busy(&self, scope: &TransactionKey) -> bool {
        self.inbox.values().any(|leased| leased.is_open() && leased.row.scope == *scope)
    }

    /// Whether every trade's seq counts its events, one by one.
    pub fn seqs_are_whole(&self) -> bool {
        let mut seqs: BTreeMap<&TransactionKey, Vec<i64>> = BTreeMap::new();
        for event in self.events.values() {
            seqs.entry(&event.scope).or_default().push(event.seq);
        }
        self.trades.iter().all(|(scope, (last, _))| {
            let mut seqs = seqs.get(scope).cloned().unwrap_or_default();
            seqs.sort_unstable();
            seqs.into_iter().eq(1..=*last)
        })
    }
}
