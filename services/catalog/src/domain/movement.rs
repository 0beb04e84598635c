//! What a stock command really moved, for those who count it.

use super::{Command, Reservation, State};

/// Why the order service gives back a hold that nobody confirmed.
const EXPIRED: &str = "expired";

/// What became of an order's stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Held for the order.
    Held,
    /// Not held: there was not enough.
    Refused,
    /// Sold.
    Sold,
    /// No longer held.
    Released,
    /// No longer held, because nobody confirmed in time.
    Expired,
    /// Sold, and back in stock.
    Returned,
}

/// A change of one reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Movement {
    /// What became of it.
    pub kind: Kind,
    /// How much; 0 when nothing was held.
    pub wh: i64,
}

impl Movement {
    /// What a command has changed of the reservation that was known before; none when it was a repetition, or gave back
    /// what was never held.
    pub fn of(command: &Command, before: Option<&Reservation>, after: &Reservation) -> Option<Self> {
        if before == Some(after) {
            return None;
        }
        let kind = match (command, &after.state) {
            (Command::Reserve(_), State::Held(_)) => Kind::Held,
            (Command::Reserve(_), State::Refused { .. }) => Kind::Refused,
            (Command::Sell(_), State::Sold(_)) => Kind::Sold,
            (Command::Return(_), State::Returned(_)) => Kind::Returned,
            (Command::Release(..), State::Released { lots, .. }) if lots.is_empty() => return None,
            (Command::Release(..), State::Released { reason, .. }) if reason == EXPIRED => Kind::Expired,
            (Command::Release(..), State::Released { .. }) => Kind::Released,
            (Command::Reserve(_) | Command::Sell(_) | Command::Return(_) | Command::Release(..), _) => {
                return None;
            }
        };
        Some(Self { kind, wh: after.state.lots().iter().map(|lot| lot.quantity.wh()).sum() })
    }
}

impl Kind {
    /// As metrics spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Refused => "refused",
            Self::Sold => "sold",
            Self::Released => "released",
            Self::Expired => "expired",
            Self::Returned => "returned",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use p2p_domain::{Energy, ItemId, OrderId};
    use uuid::Uuid;

    use super::*;
    use crate::domain::{Counters, Label, Line, Shelf, Stock, Wish};

    /// 10 kWh of offer o.
    fn stock() -> Stock {
        let item: ItemId = "i".parse().unwrap();
        let counters = Counters::all_free(Energy::from_wh(10_000).unwrap());
        let shelf = Shelf { item: item.clone(), block: Energy::KWH, stock: counters, withdrawn: false };
        Stock {
            items: [(item, counters)].into(),
            offers: [("o".parse().unwrap(), shelf)].into(),
            reservations: BTreeMap::new(),
        }
    }

    fn order(n: u128) -> OrderId {
        OrderId(Uuid::from_u128(n))
    }

    fn reserve(n: u128, kwh: i64) -> Command {
        let lines = vec![Line { offer: "o".parse().unwrap(), quantity_wh: kwh * 1_000 }];
        Command::Reserve(Wish { order: order(n), transaction: "t".parse().unwrap(), lines })
    }

    fn release(n: u128, reason: &str) -> Command {
        Command::Release(order(n), Label::parse(reason, "reason").unwrap())
    }

    #[test]
    fn only_what_really_moved_is_told_and_a_repetition_moves_nothing() {
        let mut stock = stock();
        let mut told = |command: Command| {
            let before = stock.reservations.get(&command.order()).cloned();
            let after = stock.decide(&command).unwrap();
            Movement::of(&command, before.as_ref(), &after).map(|moved| (moved.kind.as_str(), moved.wh))
        };
        assert_eq!(told(reserve(1, 4)), Some(("held", 4_000)));
        assert_eq!(told(reserve(1, 4)), None);
        assert_eq!(told(reserve(2, 7)), Some(("refused", 0)));
        assert_eq!(told(reserve(2, 7)), None);
        assert_eq!(told(Command::Sell(order(1))), Some(("sold", 4_000)));
        assert_eq!(told(Command::Sell(order(1))), None);
        assert_eq!(told(release(1, "cancelled")), None, "it is sold");
        assert_eq!(told(Command::Return(order(1))), Some(("returned", 4_000)));
        assert_eq!(told(reserve(3, 2)), Some(("held", 2_000)));
        assert_eq!(told(release(3, "expired")), Some(("expired", 2_000)));
        assert_eq!(told(reserve(4, 2)), Some(("held", 2_000)));
        assert_eq!(told(release(4, "cancelled")), Some(("released", 2_000)));
        assert_eq!(told(release(4, "cancelled")), None);
        assert_eq!(told(release(5, "cancelled")), None, "it never held anything");
    }
}
