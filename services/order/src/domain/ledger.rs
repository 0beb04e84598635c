//! Orders against the stock that is held or sold for them (invariant 3 of the design).

use std::collections::BTreeMap;

use p2p_domain::{OfferId, OrderId};

use super::{Order, Status};

/// What the catalog says of an order's stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Where it stands.
    pub status: Reserved,
    /// Watt-hours by offer.
    pub lots: BTreeMap<OfferId, i64>,
}

/// Where an order's reservation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// Blocks are held.
    Held,
    /// Blocks are sold.
    Sold,
    /// Nothing is, any more or ever.
    Free,
}

/// The ordinary command that makes stock follow its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// Give back what is held.
    Release(OrderId),
    /// Take back what is sold.
    Return(OrderId),
    /// Sell what is held.
    Sell(OrderId),
}

/// An order and its stock that do not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discrepancy {
    /// What is wrong, in a sentence.
    pub what: String,
    /// What mends it; none: a person has to look.
    pub repair: Option<Repair>,
}

/// Compares an order that nobody works on with its reservation.
pub fn compare(order: &Order, reservation: Option<&Reservation>) -> Option<Discrepancy> {
    let id = order.id;
    let reserved = reservation.map_or(Reserved::Free, |reservation| reservation.status);
    let (wanted, repair) = match (order.state.status(), reserved) {
        // On their way: the sweeper or an action goes on with them.
        (Status::Draft | Status::Cancelling | Status::Expiring, _) => return None,
        (Status::Pending, Reserved::Held) | (Status::Active | Status::Completed, Reserved::Sold) => {
            return other_quantities(order, reservation?);
        }
        (Status::Cancelled | Status::Expired, Reserved::Free) => return None,
        (Status::Pending, Reserved::Sold | Reserved::Free) => ("held", None),
        (Status::Active | Status::Completed, Reserved::Held) => ("sold", Some(Repair::Sell(id))),
        (Status::Active | Status::Completed, Reserved::Free) => ("sold", None),
        (Status::Cancelled | Status::Expired, Reserved::Held) => ("free", Some(Repair::Release(id))),
        (Status::Cancelled | Status::Expired, Reserved::Sold) => ("free", Some(Repair::Return(id))),
    };
    let is = match reserved {
        Reserved::Held => "held",
        Reserved::Sold => "sold",
        Reserved::Free => "free",
    };
    let status = order.state.status().as_str();
    Some(Discrepancy { what: format!("order {id} is {status}, but its stock is {is}, not {wanted}"), repair })
}

fn other_quantities(order: &Order, reservation: &Reservation) -> Option<Discrepancy> {
    let mut ordered: BTreeMap<OfferId, i64> = BTreeMap::new();
    for line in &order.quote.lines {
        *ordered.entry(line.offer.clone()).or_default() += line.quantity.wh();
    }
    let differs = ordered != reservation.lots;
    differs.then(|| Discrepancy {
        what: format!(
            "order {} is about {ordered:?} Wh, but its stock is {:?} Wh",
            order.id, reservation.lots
        ),
        repair: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Party, State, trade::samples};

    fn reservation(status: Reserved, wh: i64) -> Reservation {
        Reservation { status, lots: [("offer".parse().unwrap(), wh)].into() }
    }

    fn repair(state: State, reserved: Reserved) -> Option<Option<Repair>> {
        let order = samples::order(state);
        compare(&order, Some(&reservation(reserved, 30_000))).map(|found| found.repair)
    }

    #[test]
    fn stock_follows_its_order() {
        let hold_until = samples::at(11);
        let id = samples::order(State::Active).id;
        let cancelled = || State::Cancelled(samples::cancellation(Party::Buyer, Status::Active));
        assert_eq!(repair(State::Pending { hold_until }, Reserved::Held), None);
        assert_eq!(repair(State::Active, Reserved::Sold), None);
        assert_eq!(repair(cancelled(), Reserved::Free), None);
        assert_eq!(repair(State::Active, Reserved::Held), Some(Some(Repair::Sell(id))));
        assert_eq!(repair(State::Expired, Reserved::Held), Some(Some(Repair::Release(id))));
        assert_eq!(repair(cancelled(), Reserved::Sold), Some(Some(Repair::Return(id))));
        // Nothing that may be done by itself makes these right.
        assert_eq!(repair(State::Pending { hold_until }, Reserved::Sold), Some(None));
        assert_eq!(repair(State::Completed, Reserved::Free), Some(None));
        assert_eq!(compare(&samples::order(State::Expired), None), None);
    }

    #[test]
    fn an_order_has_exactly_what_it_ordered() {
        let order = samples::order(State::Active);
        let found = compare(&order, Some(&reservation(Reserved::Sold, 29_000))).unwrap();
        assert!(found.what.contains("30000") && found.what.contains("29000"), "{}", found.what);
    }
}
