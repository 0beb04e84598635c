//! What callers have written: all of it goes through one writer, which commits in groups.

use p2p_runtime::{
    failpoint,
    group::{Answers, Commit},
};
use sea_orm::DatabaseConnection;
use uuid::Uuid;

use super::{
    Store, batch,
    op::{
        Begin, Begun, Compose, Done, Finish, Mark, Marked, Op, Perform, Performed, Record, Recorded, Send,
        Sent, Settle,
    },
};
use crate::{
    config::{Periods, Quotas},
    domain::{Answer, Delivery, Order},
    error::Error,
};

/// Commits operations in one transaction.
pub(super) struct Batches {
    pub db: DatabaseConnection,
    pub periods: Periods,
    pub quotas: Quotas,
}

impl Commit for Batches {
    type Operation = Op;
    type Answer = Done;
    type Error = Error;

    async fn commit(&self, ops: &[Op]) -> Result<Answers<Self>, Error> {
        batch::commit(&self.db, (self.periods, self.quotas), ops).await
    }
}

macro_rules! submit {
    ($store:expr, $op:ident($asked:expr), $done:pat => $answer:expr) => {{
        let done = $store.writer.submit(Op::$op($asked)).await?;
        failpoint!("order.{}.committed", stringify!($op));
        match done {
            $done => Ok($answer),
            other => Err(Error::impossible("batch", Uuid::nil(), format!("answered {other:?}"))),
        }
    }};
}

impl Store {
    /// Stores a message with its verdict, and the callback to it.
    ///
    /// # Errors
    /// When it is not known to be stored.
    pub async fn record(&self, record: Record) -> Result<Answer<Recorded>, Error> {
        submit!(self, Record(record), Done::Recorded(answer) => answer)
    }

    /// Accepts an action that changes an order.
    ///
    /// # Errors
    /// When it is not known to be stored, or its resumption found the lease lost.
    pub async fn begin(&self, begin: Begin) -> Result<Answer<Begun>, Error> {
        submit!(self, Begin(begin), Done::Begun(answer) => *answer)
    }

    /// Ends an action's work. Answers the callback's delivery.
    ///
    /// # Errors
    /// When the lease was lost, or nothing is known to be stored.
    pub async fn finish(&self, finish: Finish) -> Result<Uuid, Error> {
        submit!(self, Finish(finish), Done::Finished(delivery) => delivery)
    }

    /// Stores what our buyer's side is about to send.
    ///
    /// # Errors
    /// When it is not known to be stored.
    pub async fn send(&self, send: Send) -> Result<Sent, Error> {
        submit!(self, Send(send), Done::Sent(sent) => sent)
    }

    /// Does something with an order that no message asks for.
    ///
    /// # Errors
    /// When nothing is known to be stored.
    pub async fn perform(&self, perform: Perform) -> Result<Performed, Error> {
        submit!(self, Perform(perform), Done::Performed(performed) => performed)
    }

    /// Commits what the catalog's answer means for an order. Answers the order as it is now.
    ///
    /// # Errors
    /// When the order is elsewhere, or nothing is known to be stored.
    pub async fn settle(&self, settle: Settle) -> Result<Order, Error> {
        submit!(self, Settle(settle), Done::Settled(order) => *order)
    }

    /// Gives a delivery its text, once. Answers it with the text that was stored first.
    ///
    /// # Errors
    /// When the lease was lost, or nothing is known to be stored.
    pub async fn compose(&self, compose: Compose) -> Result<Delivery, Error> {
        let id = compose.delivery;
        let composed: Result<(), Error> = submit!(self, Compose(compose), Done::Composed => ());
        composed?;
        self.delivery(id).await
    }

    /// Notes how deliveries went.
    ///
    /// # Errors
    /// When it is not known to be stored.
    pub async fn mark(&self, mark: Mark) -> Result<Marked, Error> {
        submit!(self, Mark(mark), Done::Marked(marked) => marked)
    }
}
