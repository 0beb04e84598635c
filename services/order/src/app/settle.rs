//! What is done with an order and that no message asks for: the seller completes it or gives it up, and what is over
//! comes to its end.
//!
//! The deed is committed first, then the catalog is asked, then its answer is committed. Whoever dies in between has
//! the sweeper do the rest.

use std::time::Duration;

use p2p_domain::{OrderId, ProviderId};
use tokio::time::sleep;

use super::App;
use crate::{
    domain::{Conclusion, Deed, Next, Order, TransactionKey, Undone},
    error::Error,
    store::{Perform, Performed, Settle},
};

/// How often a seller's wish is tried while an action of the trade is under way, and the pause in between.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

impl App {
    /// The seller says that its order is delivered.
    ///
    /// # Errors
    /// When the order is not this seller's, or not ACTIVE, or an action of its trade is under way.
    pub async fn complete(&self, order: &str, seller: Option<&ProviderId>) -> Result<Order, Error> {
        self.for_seller(order, seller, Deed::Complete).await
    }

    /// The seller gives its order up.
    ///
    /// # Errors
    /// When the order is not this seller's, or can no longer be given up, or an action of its trade is under way.
    pub async fn cancel(
        &self,
        order: &str,
        seller: Option<&ProviderId>,
        reason: String,
    ) -> Result<Order, Error> {
        self.for_seller(order, seller, Deed::Cancel { reason }).await
    }

    async fn for_seller(&self, id: &str, seller: Option<&ProviderId>, deed: Deed) -> Result<Order, Error> {
        let known = self.store.order_of(id, seller).await?;
        let (scope, id) = (known.scope, known.id);
        let mut tries = 1;
        let done = loop {
            match self.perform(&scope, id, deed.clone()).await {
                Err(Error::Busy(_)) if tries < TRIES => {
                    tries += 1;
                    sleep(PAUSE).await;
                }
                done => break done?,
            }
        };
        if done.outcome().is_some() {
            self.tell_outcomes_soon().await;
        }
        Ok(done)
    }

    /// Does it, and answers the order as it is then.
    ///
    /// # Errors
    /// When it cannot be done, or not now; or when the catalog did not do as asked, and the sweeper does it later.
    pub(super) async fn perform(
        &self,
        scope: &TransactionKey,
        order: OrderId,
        deed: Deed,
    ) -> Result<Order, Error> {
        let perform = Perform { scope: scope.clone(), order, deed };
        let next = match self.store.perform(perform).await? {
            Performed::Done(next) => *next,
            Performed::Busy => return Err(Error::Busy(order)),
            Performed::Undone(Undone::Unknown) => return Err(Error::OrderNotFound(order.to_string())),
            Performed::Undone(Undone::WrongState(why)) => return Err(Error::WrongState { order, why }),
        };
        match next {
            Next::AsIs(order) => Ok(order),
            next => match self.follow(next, self.clock.now()).await? {
                Conclusion::Order(_, Some(change)) => {
                    self.store.settle(Settle { scope: scope.clone(), change }).await
                }
                outcome => Err(Error::impossible("orders", order, format!("came to {outcome:?}"))),
            },
        }
    }
}
