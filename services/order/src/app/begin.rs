//! Accepts an action that changes an order: commits the intent, then asks the catalog and follows its answer.
//!
//! A crash between the two is repaired by doing the same again: every step reads the same answer when it is
//! repeated.

use std::time::Duration;

use chrono::{DateTime, Utc};
use p2p_proto::catalog::ReservationStatus;
use tokio::time::timeout;

use super::App;
use crate::{
    domain::{Answer, Change, Next, Order, Refusal, Status, Verdict},
    error::Error,
    store,
};

/// Why an order is CANCELLED, and its blocks RELEASED, that can never be made or sold.
const GIVEN_UP: &str = "our side failed";
/// Why blocks are RELEASED.
const CANCELLED: &str = "cancelled";
/// Likewise.
const EXPIRED: &str = "expired";

/// An action to accept, or to go on with.
#[derive(Debug)]
pub struct Begin {
    /// What is committed first.
    pub begin: store::Begin,
    /// How long the catalog may take before the verdict is answered without its answer.
    pub ack_deadline: Duration,
}

/// What the callback says.
#[derive(Debug)]
pub enum Outcome {
    /// The order as it will be, and the change that Finish commits.
    Order(Box<Order>, Option<Change>),
    /// It failed, and the change that Finish commits.
    Failed(Refusal, Option<Change>),
}

impl App {
    /// Commits the intent, then does it. No outcome: refused, or not known yet.
    ///
    /// # Errors
    /// When nothing is known to be committed; or, going on with an accepted action or giving it up, when the catalog
    /// did not do as asked or the lease was lost.
    pub async fn begin(&self, begin: Begin) -> Result<Answer<(Verdict, Option<Outcome>)>, Error> {
        let (at, resume) = (begin.begin.at, begin.begin.resume);
        let begun = match self.store.begin(begin.begin).await? {
            Answer::Accepted(begun) => begun,
            Answer::Queued => return Ok(Answer::Queued),
            Answer::Repeated { verdict, buyer_seq } => return Ok(Answer::Repeated { verdict, buyer_seq }),
            Answer::Conflict => return Ok(Answer::Conflict),
        };
        let Some(next) = begun.next else { return Ok(Answer::Accepted((begun.verdict, None))) };
        let outcome = match timeout(begin.ack_deadline, self.follow(next, at)).await {
            Ok(Ok(outcome)) => Some(outcome),
            Ok(Err(error)) if resume => return Err(error),
            Ok(Err(error)) => {
                tracing::warn!(%error, "accepted, but the catalog did not do as asked; the work goes on later");
                None
            }
            Err(_late) => None,
        };
        Ok(Answer::Accepted((begun.verdict, outcome)))
    }

    pub(super) async fn follow(&self, next: Next, at: DateTime<Utc>) -> Result<Outcome, Error> {
        match next {
            Next::Reserve(order) => self.follow_reserve(order, at).await,
            Next::Sell(order) => self.follow_sell(order, at).await,
            Next::Release(order) => self.follow_release(order, at).await,
            Next::Undo(order) => self.follow_undo(order, at).await,
            Next::AsIs(order) => Ok(Outcome::Order(Box::new(order), None)),
            Next::Fail(refusal) => Ok(Outcome::Failed(refusal, None)),
        }
    }

    async fn follow_reserve(&self, order: Order, at: DateTime<Utc>) -> Result<Outcome, Error> {
        let reservation = self.reserve(&order).await?;
        match reservation.status() {
            ReservationStatus::Held => Ok(becoming(order, Status::Pending, at)),
            ReservationStatus::Refused => {
                let change = order.change(Status::Cancelled, at, reservation.reason.clone());
                Ok(Outcome::Failed(Refusal::short_of_stock(reservation.reason), Some(change)))
            }
            // Given up, and then somebody died.
            ReservationStatus::Released => Ok(given_up(&order, at)),
            status @ (ReservationStatus::Sold
            | ReservationStatus::Returned
            | ReservationStatus::Unspecified) => Err(unexpected(&order, status)),
        }
    }

    async fn follow_sell(&self, order: Order, at: DateTime<Utc>) -> Result<Outcome, Error> {
        let reservation = self.sell(order.id).await?;
        match reservation.status() {
            ReservationStatus::Sold => Ok(becoming(order, Status::Active, at)),
            ReservationStatus::Released | ReservationStatus::Refused => {
                let refusal = Refusal::invalid(format!("Order {} is no longer held", order.id));
                let change = order.change(Status::Cancelled, at, reservation.reason);
                Ok(Outcome::Failed(refusal, Some(change)))
            }
            status @ (ReservationStatus::Held
            | ReservationStatus::Returned
            | ReservationStatus::Unspecified) => Err(unexpected(&order, status)),
        }
    }

    async fn follow_release(&self, order: Order, at: DateTime<Utc>) -> Result<Outcome, Error> {
        let reservation = self.release(order.id, GIVEN_UP).await?;
        match (reservation.status(), order.state.status()) {
            (ReservationStatus::Released | ReservationStatus::Refused, _) => Ok(given_up(&order, at)),
            (ReservationStatus::Sold, Status::Pending) => Ok(becoming(order, Status::Active, at)),
            (status, _) => Err(unexpected(&order, status)),
        }
    }

    /// Gives the blocks back. An order that expires while it is being sold goes forward; one that is cancelled was
    /// decided to be, so what was sold is taken back.
    async fn follow_undo(&self, order: Order, at: DateTime<Utc>) -> Result<Outcome, Error> {
        let expires = order.state.status() == Status::Expiring;
        let reason = if expires { EXPIRED } else { CANCELLED };
        let mut reservation = self.release(order.id, reason).await?;
        if reservation.status() == ReservationStatus::Sold && !expires {
            reservation = self.take_back(order.id).await?;
        }
        match (reservation.status(), expires) {
            (ReservationStatus::Sold, true) => Ok(becoming(order, Status::Active, at)),
            (
                ReservationStatus::Released | ReservationStatus::Refused | ReservationStatus::Returned,
                expires,
            ) => {
                let end = if expires { Status::Expired } else { Status::Cancelled };
                Ok(becoming(order, end, at))
            }
            (status, _) => Err(unexpected(&order, status)),
        }
    }
}

fn given_up(order: &Order, at: DateTime<Utc>) -> Outcome {
    let change = order.change(Status::Cancelled, at, GIVEN_UP);
    Outcome::Failed(Refusal::failed(), Some(change))
}

fn becoming(mut order: Order, status: Status, at: DateTime<Utc>) -> Outcome {
    let change = order.change(status, at, "");
    order.apply(&change);
    Outcome::Order(Box::new(order), Some(change))
}

fn unexpected(order: &Order, status: ReservationStatus) -> Error {
    Error::impossible("reservations", order.id, format!("is {}", status.as_str_name()))
}
