//! The rules that hold after every step, and those that hold when all has come to its end.

use std::collections::BTreeMap;

use p2p_domain::OrderId;

use super::{Broken, Catalog, Fate, Sent, Variant, Wait, Work, World};
use crate::domain::{Deed, Order, Reserved, State, Status, compare, request_of};

/// So often everything is repeated before it has to have come to its end.
const MOST_ROUNDS: usize = 40;

/// The arrows of an order's life.
fn leads_to(from: Status, to: Status) -> bool {
    use Status::*;
    match from {
        Draft => matches!(to, Pending | Cancelled | Cancelling | Expiring),
        Pending => matches!(to, Active | Cancelling | Cancelled | Expiring),
        Active => matches!(to, Completed | Cancelling),
        Cancelling => to == Cancelled,
        Expiring => matches!(to, Expired | Active),
        Completed | Cancelled | Expired => false,
    }
}

impl<C: Catalog> World<C> {
    pub(super) fn check(&mut self) -> Result<(), Broken> {
        if let Some(what) = self.catalog.violation() {
            return Err(what);
        }
        self.check_orders()?;
        self.check_messages()?;
        self.check_callbacks()?;
        if self.rows.seqs_are_whole() {
            Ok(())
        } else {
            Err("a trade's events are not counted one by one".into())
        }
    }

    fn check_orders(&mut self) -> Result<(), Broken> {
        let reservations = self.catalog.reservations();
        let mut live = BTreeMap::new();
        for order in self.rows.orders.values() {
            let status = order.state.status();
            let before = self.stood.insert(order.id, status);
            if before.map_or(status != Status::Draft, |before| before != status && !leads_to(before, status))
            {
                return Err(format!("order {} went from {before:?} to {status:?}", order.id));
            }
            if status.is_live()
                && let Some(other) = live.insert(&order.scope, order.id)
            {
                return Err(format!("orders {other} and {} of one trade are live", order.id));
            }
            // Its stock goes first.
            let settles = matches!(order.state, State::Pending { .. }) && self.rows.is_busy(&order.scope);
            if let Some(found) = compare(order, reservations.get(&order.id)).filter(|_| !settles) {
                return Err(found.what);
            }
        }
        Ok(())
    }

    /// What is accepted is worked on in its order, one action of a trade at a time.
    fn check_messages(&self) -> Result<(), Broken> {
        let mut first = BTreeMap::new();
        for leased in self.rows.inbox.values().filter(|leased| leased.is_open()) {
            let seq = first.entry(&leased.row.scope).or_insert(leased.row.seq);
            *seq = leased.row.seq.min(*seq);
        }
        for leased in self.rows.inbox.values().filter(|leased| leased.is_begun()) {
            if first.get(&leased.row.scope) != Some(&leased.row.seq) {
                return Err(format!("{:?} has begun before its turn", leased.row.key));
            }
        }
        Ok(())
    }

    /// What is done has one callback, what is not done or refused has none, and what nobody asked for is said once.
    fn check_callbacks(&self) -> Result<(), Broken> {
        for sent in &self.sent {
            let row = self.rows.inbox.get(&sent.key);
            let callbacks = self.rows.outbox.iter().filter(|row| {
                row.message() == &sent.key.message && row.scope() == &sent.scope && row.order().is_none()
            });
            let said: Vec<_> = callbacks
                .filter(|row| request_of(row.action()).as_deref() == Some(sent.key.action.as_str()))
                .map(|row| self.rows.request_header(row))
                .collect();
            let wanted = row.is_some_and(|row| !row.is_open() && row.row.verdict.refusal.is_none());
            if said.len() != usize::from(wanted) {
                return Err(format!("{:?} has {} callbacks", sent.key, said.len()));
            }
            let header = sent.stored.as_ref().map(|stored| stored.header.as_str());
            if said.iter().any(|answered| *answered != header) {
                return Err(format!("{:?} came with {header:?}, its callback answers {said:?}", sent.key));
            }
            let verdict = row.map(|row| &row.row.verdict);
            if verdict != sent.stored.as_ref().map(|stored| &stored.verdict) {
                return Err(format!(
                    "the verdict on {:?} is {verdict:?}, and was {:?}",
                    sent.key, sent.stored
                ));
            }
        }
        for order in self.rows.orders.values() {
            let said = self.rows.outbox.iter().filter(|row| row.order() == Some(order.id)).count();
            if said != usize::from(order.unsolicited().is_some()) {
                return Err(format!(
                    "order {} is {:?}, and its buyer hears of it {said} times",
                    order.id, order.state
                ));
            }
        }
        Ok(())
    }

    /// Everything is repeated until all is answered, and then everything has come to its end.
    pub(super) fn end(&mut self) -> Result<(), Broken> {
        for _ in 0..MOST_ROUNDS {
            if self.is_quiet() {
                return self.check_end();
            }
            self.round()?;
        }
        let works = self.works.iter().map(|Work { id, .. }| id).collect::<Vec<_>>();
        Err(format!("it comes to no end: {:?}, works {works:?}", self.rows.orders))
    }

    fn is_quiet(&self) -> bool {
        let rests = |order: &Order| {
            matches!(order.state, State::Active | State::Completed | State::Cancelled(_) | State::Expired)
        };
        self.works.is_empty()
            && self.sent.iter().all(|sent| sent.answered)
            && self.rows.inbox.values().all(|leased| !leased.is_open())
            && self.rows.outbox.iter().all(|row| row.delivered)
            && self.rows.orders.values().all(rests)
    }

    /// Nothing goes wrong any more.
    fn round(&mut self) -> Result<(), Broken> {
        let late: Vec<_> = std::mem::take(&mut self.on_way);
        for arrived in late {
            self.arrive(&[arrived], 0, Fate::Answered)?;
        }
        for n in 0..self.sent.len() {
            let Sent { answered, stored, .. } = &self.sent[n];
            let forged = stored.as_ref().is_some_and(|stored| stored.text != self.text(n, Variant::Same));
            if !answered {
                let variant = if forged { Variant::Forged } else { Variant::Same };
                self.arrive(&[(n, variant)], 0, Fate::Answered)?;
            }
        }
        self.check()?;
        self.rows.now += self.length(Wait::Lease);
        self.claim(0);
        for n in (0..self.works.len()).rev() {
            self.work(n, Fate::Answered)?;
            self.check()?;
        }
        for call in std::mem::take(&mut self.calls) {
            self.call(call, Fate::Answered)?;
        }
        for (gateway, id) in std::mem::take(&mut self.held) {
            self.deliver(&gateway, id, Fate::Answered)?;
        }
        self.rows.now += self.length(Wait::HalfHold);
        for (scope, order) in self.rows.over() {
            self.perform(scope, order, Deed::Settle, Fate::Answered)?;
        }
        self.check()
    }

    fn check_end(&mut self) -> Result<(), Broken> {
        self.check()?;
        for row in &self.rows.outbox {
            if self.heard.get(&row.id()).map(String::as_str) != self.rows.text(row) {
                return Err(format!("{} of {:?} was not heard as it is", row.action(), row.message()));
            }
        }
        for (order, reservation) in self.catalog.reservations() {
            let bought = |order: &Order| matches!(order.state, State::Active | State::Completed);
            let is_bought = self.rows.orders.get(&order).is_some_and(bought);
            if is_bought != (reservation.status == Reserved::Sold) || reservation.status == Reserved::Held {
                return Err(format!("stock of order {order} is {:?} in the end", reservation.status));
            }
        }
        self.rows.orders.values().try_for_each(|order| self.check_told(order))
    }

    /// Whoever has bought was told so.
    fn check_told(&self, order: &Order) -> Result<(), Broken> {
        let told = |id: &OrderId| self.bought.contains(id);
        match order.state {
            State::Active | State::Completed if !told(&order.id) => {
                Err(format!("order {} is {:?}, and its buyer was told that it is not", order.id, order.state))
            }
            _ => Ok(()),
        }
    }
}
