//! What the catalog is asked for an order, and what its answers come to.

use chrono::{DateTime, Utc};
use p2p_domain::OrderId;

use super::{Change, Next, Order, Party, Refusal, Status};

/// Why an order is CANCELLED, and its blocks RELEASED, that can never be made or sold.
pub(super) const GIVEN_UP: &str = "our side failed";
/// Why blocks are RELEASED.
const CANCELLED: &str = "cancelled";
/// Likewise.
const EXPIRED: &str = "expired";

/// What the catalog is asked to do with an order's blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Hold what is ordered.
    Reserve,
    /// Sell what is held.
    Sell,
    /// Give back what is held, and why.
    Release(&'static str),
    /// Take back what is sold.
    Return,
}

/// Where the catalog says that an order's reservation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stood {
    /// Blocks are held.
    Held,
    /// Blocks are sold.
    Sold,
    /// Blocks were sold and are back.
    Returned,
    /// Blocks were held, or never were, and are not any more; why.
    Released(String),
    /// Nothing was ever held; why.
    Refused(String),
}

impl Stood {
    /// As the catalog spells it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Held => "HELD",
            Self::Sold => "SOLD",
            Self::Returned => "RETURNED",
            Self::Released(_) => "RELEASED",
            Self::Refused(_) => "REFUSED",
        }
    }
}

/// What an action's work comes to: what its callback says.
#[derive(Debug, Clone)]
pub enum Conclusion {
    /// The order as it will be, and the change that Finish commits.
    Order(Box<Order>, Option<Change>),
    /// It failed, and the change that Finish commits.
    Failed(Refusal, Option<Change>),
}

/// How it goes on.
#[derive(Debug, Clone)]
pub enum Followed {
    /// The catalog is asked this for the order.
    Asks(Box<Order>, Ask),
    /// It has come to its end.
    Ends(Conclusion),
}

/// The catalog should never answer so: nothing follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unexpected {
    /// Which order.
    pub order: OrderId,
    /// Where its reservation stands.
    pub stood: Stood,
}

impl Next {
    /// What it begins with.
    pub fn begin(self) -> Followed {
        match self {
            Self::Reserve(order) => Followed::Asks(Box::new(order), Ask::Reserve),
            Self::Sell(order) => Followed::Asks(Box::new(order), Ask::Sell),
            Self::Release(order) => Followed::Asks(Box::new(order), Ask::Release(GIVEN_UP)),
            Self::Undo(order) => {
                let reason = match order.state.cancellation() {
                    None => EXPIRED,
                    Some(cancellation) if cancellation.by == Party::Platform => GIVEN_UP,
                    Some(_) => CANCELLED,
                };
                Followed::Asks(Box::new(order), Ask::Release(reason))
            }
            Self::AsIs(order) => Followed::Ends(Conclusion::Order(Box::new(order), None)),
            Self::Fail(refusal) => Followed::Ends(Conclusion::Failed(refusal, None)),
        }
    }
}

/// Follows the catalog's answer.
///
/// # Errors
/// When the order cannot have come to it.
pub fn follow(order: Order, ask: Ask, stood: Stood, at: DateTime<Utc>) -> Result<Followed, Unexpected> {
    let concluded = match ask {
        Ask::Reserve => reserved(order, stood, at),
        Ask::Sell => sold(order, stood, at),
        Ask::Release(_) | Ask::Return => match order.state.status() {
            Status::Cancelling | Status::Expiring => return undone(order, ask, stood, at),
            _ => released(order, stood, at),
        },
    };
    concluded.map(Followed::Ends)
}

fn reserved(order: Order, stood: Stood, at: DateTime<Utc>) -> Result<Conclusion, Unexpected> {
    match stood {
        Stood::Held => Ok(becoming(order, Status::Pending, at)),
        Stood::Refused(reason) => {
            let change = order.change(Status::Cancelled, at, reason.clone());
            Ok(Conclusion::Failed(Refusal::short_of_stock(reason), Some(change)))
        }
        // Given up, and then somebody died.
        Stood::Released(_) => Ok(given_up(&order, at)),
        Stood::Sold | Stood::Returned => Err(Unexpected { order: order.id, stood }),
    }
}

fn sold(order: Order, stood: Stood, at: DateTime<Utc>) -> Result<Conclusion, Unexpected> {
    match stood {
        Stood::Sold => Ok(becoming(order, Status::Active, at)),
        Stood::Released(reason) | Stood::Refused(reason) => {
            let refusal = Refusal::invalid(format!("Order {} is no longer held", order.id));
            let change = order.change(Status::Cancelled, at, reason);
            Ok(Conclusion::Failed(refusal, Some(change)))
        }
        Stood::Held | Stood::Returned => Err(Unexpected { order: order.id, stood }),
    }
}

fn released(order: Order, stood: Stood, at: DateTime<Utc>) -> Result<Conclusion, Unexpected> {
    match stood {
        Stood::Released(_) | Stood::Refused(_) => Ok(given_up(&order, at)),
        Stood::Sold => Ok(becoming(order, Status::Active, at)),
        Stood::Held | Stood::Returned => Err(Unexpected { order: order.id, stood }),
    }
}

/// The blocks go back. An order that expires while it is being sold goes forward; one that is cancelled was decided to
/// be, so what was sold is taken back.
fn undone(order: Order, ask: Ask, stood: Stood, at: DateTime<Utc>) -> Result<Followed, Unexpected> {
    let expires = order.state.status() == Status::Expiring;
    let fails = order.state.cancellation().is_some_and(|cancellation| cancellation.by == Party::Platform);
    match (stood, ask) {
        (Stood::Released(_) | Stood::Refused(_), _) if fails => Ok(Followed::Ends(given_up(&order, at))),
        (stood, _) if fails => Err(Unexpected { order: order.id, stood }),
        (Stood::Sold, Ask::Release(_)) if !expires => Ok(Followed::Asks(Box::new(order), Ask::Return)),
        (Stood::Sold, _) if expires => Ok(Followed::Ends(becoming(order, Status::Active, at))),
        (Stood::Released(_) | Stood::Refused(_) | Stood::Returned, _) => {
            let end = if expires { Status::Expired } else { Status::Cancelled };
            Ok(Followed::Ends(becoming(order, end, at)))
        }
        (stood, _) => Err(Unexpected { order: order.id, stood }),
    }
}

fn given_up(order: &Order, at: DateTime<Utc>) -> Conclusion {
    let change = order.change(Status::Cancelled, at, GIVEN_UP);
    Conclusion::Failed(Refusal::failed(), Some(change))
}

fn becoming(mut order: Order, status: Status, at: DateTime<Utc>) -> Conclusion {
    let change = order.change(status, at, "");
    order.apply(&change);
    Conclusion::Order(Box::new(order), Some(change))
}
