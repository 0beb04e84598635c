//! What becomes of orders in a batch: decided in memory, and written if it differs.

use p2p_domain::{MessageId, OrderId, uuid_of};
use p2p_runtime::planted::{Bug, planted};

use super::{
    super::{
        op::{Perform, Performed, Settle},
        row::{Lease, OutboxRow},
    },
    Batch,
};
use crate::{
    domain::{Applied, Change, Decision, Intent, Next, Order, State, Trade, TransactionKey},
    error::Error,
};

/// Where the orders of a trade stand.
fn states(trade: &Trade) -> Vec<(OrderId, State)> {
    trade.orders.iter().map(|order| (order.id, order.state.clone())).collect()
}

impl Batch {
    pub(super) fn intend(&mut self, scope: &TransactionKey, intent: &Intent) -> Result<Decision, Error> {
        self.decided(scope, |trade| trade.decide(intent))
    }

    /// The same for an intent that is committed.
    pub(super) fn go_on(&mut self, scope: &TransactionKey, intent: &Intent) -> Result<Decision, Error> {
        self.decided(scope, |trade| trade.go_on(intent))
    }

    fn decided(
        &mut self,
        scope: &TransactionKey,
        decide: impl FnOnce(&mut Trade) -> Decision,
    ) -> Result<Decision, Error> {
        let room = self.loaded.room(&scope.bap);
        let trade = &mut self.loaded.trade(scope)?.trade;
        trade.room = room;
        let before = states(trade);
        let decision = decide(trade);
        if planted(Bug::ActiveBeforeSale)
            && let Decision::Accept(Next::Sell(sold)) = &decision
        {
            trade
                .orders
                .iter_mut()
                .filter(|order| order.id == sold.id)
                .for_each(|order| order.state = State::Active);
        }
        self.write_changed(scope, &before)?;
        Ok(decision)
    }

    pub(super) fn perform(&mut self, perform: &Perform) -> Result<Performed, Error> {
        let loaded = self.loaded.trade(&perform.scope)?;
        if loaded.has_open() {
            return Ok(Performed::Busy);
        }
        let before = states(&loaded.trade);
        let performed = match loaded.trade.perform(perform.order, &perform.deed) {
            Ok(next) => Performed::Done(Box::new(next)),
            Err(why) => Performed::Undone(why),
        };
        self.write_changed(&perform.scope, &before)?;
        Ok(performed)
    }

    pub(super) fn settle(&mut self, settle: &Settle) -> Result<Order, Error> {
        self.apply(&settle.scope, &settle.change)?;
        self.loaded.order(&settle.scope, settle.change.order).cloned()
    }

    pub(super) fn apply(&mut self, scope: &TransactionKey, change: &Change) -> Result<(), Error> {
        let trade = &mut self.loaded.trade(scope)?.trade;
        let before = states(trade);
        let order = trade.orders.iter_mut().find(|order| order.id == change.order);
        let order = order.ok_or_else(|| Error::OrderNotFound(change.order.to_string()))?;
        if order.apply(change) == Applied::Never {
            let why = format!("is {}, not {}", order.state.status().as_str(), change.from.as_str());
            return Err(Error::impossible("orders", change.order, why));
        }
        self.write_changed(scope, &before)
    }

    /// Writes the orders of a trade that are new or elsewhere than before, and what their buyer is told unasked.
    fn write_changed(&mut self, scope: &TransactionKey, before: &[(OrderId, State)]) -> Result<(), Error> {
        let orders = self.loaded.trade(scope)?.trade.orders.clone();
        for order in &orders {
            match before.iter().find(|(id, _)| *id == order.id) {
                None => {
                    self.loaded.hold(&order.scope.bap, order.quote.quantity);
                    self.writes.orders.push(order.clone());
                }
                Some((_, state)) if *state != order.state => {
                    self.writes.moved(order, state.status());
                    if let Some((action, message)) = order.unsolicited() {
                        self.say_unasked(order, action, message);
                    }
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Files what the buyer is told unasked; whichever gateway claims it gives it its text.
    fn say_unasked(&mut self, order: &Order, action: &str, message: MessageId) {
        self.writes.outbox.push(OutboxRow {
            id: uuid_of(self.loaded.now),
            scope: order.scope.clone(),
            event: None,
            request: None,
            order: Some(order.id),
            action: action.to_owned(),
            message,
            uri: String::new(),
            due_at: self.loaded.now,
            expires_at: None,
            lease: Lease::default(),
            traceparent: String::new(),
        });
    }
}
