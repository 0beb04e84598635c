//! What a group of commands has changed: where it began against where it ended.

use std::collections::BTreeMap;

use p2p_domain::{ItemId, OfferId, OrderId};

use super::{Counters, Reservation, Stock, Use};

/// What has to be written, and what has to be done with blocks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Items' counters as they are now.
    pub items: Vec<(ItemId, Counters)>,
    /// Offers' counters as they are now.
    pub offers: Vec<(OfferId, Counters)>,
    /// New reservations, by order.
    pub opened: Vec<Reservation>,
    /// Reservations that stand elsewhere than before, by order.
    pub moved: Vec<Reservation>,
    /// Orders whose held blocks are sold.
    pub sold: Vec<OrderId>,
    /// Orders whose blocks are free.
    pub freed: Vec<OrderId>,
    /// Who takes how many blocks of an offer.
    pub taken: BTreeMap<OfferId, Vec<(Use, i64)>>,
}

impl Changes {
    /// From one stock to the other.
    pub fn between(before: &Stock, after: &Stock) -> Self {
        let mut changes = Self::default();
        for (item, counters) in &after.items {
            if before.items.get(item) != Some(counters) {
                changes.items.push((item.clone(), *counters));
            }
        }
        for (offer, shelf) in &after.offers {
            if before.offers.get(offer) != Some(shelf) {
                changes.offers.push((offer.clone(), shelf.stock));
            }
        }
        for (order, reservation) in &after.reservations {
            let known = before.reservations.get(order);
            match known {
                None => changes.opened.push(reservation.clone()),
                Some(known) if known != reservation => changes.moved.push(reservation.clone()),
                Some(_) => {}
            }
            match (known.map_or(Use::Free, Reservation::used), reservation.used()) {
                (Use::Free, Use::Held(_) | Use::Sold(_)) => changes.take(reservation, after),
                (Use::Held(_), Use::Sold(_)) => changes.sold.push(*order),
                (Use::Held(_) | Use::Sold(_), Use::Free) => changes.freed.push(*order),
                (Use::Free, Use::Free) | (Use::Held(_) | Use::Sold(_), Use::Held(_) | Use::Sold(_)) => {}
            }
        }
        changes
    }

    fn take(&mut self, reservation: &Reservation, stock: &Stock) {
        for lot in reservation.state.lots() {
            let Some(shelf) = stock.offers.get(&lot.offer) else { continue };
            // A lot is a whole number of its offer's blocks.
            let blocks = lot.quantity.wh().checked_div(shelf.block.wh()).unwrap_or(0);
            self.taken.entry(lot.offer.clone()).or_default().push((reservation.used(), blocks));
        }
    }
}

#[cfg(test)]
mod tests {
    use p2p_domain::Energy;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{Command, Label, Line, Shelf, Wish};

    const FIRST: OrderId = OrderId(Uuid::from_u128(1));
    const SECOND: OrderId = OrderId(Uuid::from_u128(2));

    fn offer() -> OfferId {
        "o".parse().unwrap()
    }

    fn reserve(order: OrderId, kwh: i64) -> Command {
        let lines = vec![Line { offer: offer(), quantity_wh: kwh * 1_000 }];
        Command::Reserve(Wish { order, transaction: "t".parse().unwrap(), lines })
    }

    fn release(order: OrderId) -> Command {
        Command::Release(order, Label::default())
    }

    /// 10 kWh in blocks of 2.
    fn stock() -> Stock {
        let (item, block): (ItemId, _) = ("i".parse().unwrap(), Energy::from_wh(2_000).unwrap());
        let counters = Counters::all_free(Energy::from_wh(10_000).unwrap());
        let shelf = Shelf { item: item.clone(), block, stock: counters, withdrawn: false };
        Stock {
            items: [(item, counters)].into(),
            offers: [(offer(), shelf)].into(),
            reservations: BTreeMap::new(),
        }
    }

    fn after(mut stock: Stock, commands: &[Command]) -> Stock {
        for command in commands {
            stock.decide(command).unwrap();
        }
        stock
    }

    #[test]
    fn what_one_takes_and_another_frees_are_both_done() {
        let before = after(stock(), &[reserve(FIRST, 6)]);
        let changes =
            Changes::between(&before, &after(before.clone(), &[release(FIRST), reserve(SECOND, 6)]));
        assert_eq!(changes.freed, [FIRST]);
        assert_eq!(changes.taken, [(offer(), vec![(Use::Held(SECOND.into()), 3)])].into());
        assert_eq!((changes.opened.len(), changes.moved.len()), (1, 1));
        assert_eq!((changes.items, changes.offers), (vec![], vec![]), "they are what they were");
    }

    #[test]
    fn an_order_that_is_made_and_sold_at_once_takes_sold_blocks() {
        let changes = Changes::between(&stock(), &after(stock(), &[reserve(FIRST, 4), Command::Sell(FIRST)]));
        assert_eq!(changes.taken, [(offer(), vec![(Use::Sold(FIRST.into()), 2)])].into());
        assert_eq!((changes.sold, changes.moved), (vec![], vec![]));
        assert_eq!((changes.items.len(), changes.offers.len(), changes.opened.len()), (1, 1, 1));
    }

    #[test]
    fn an_order_that_is_made_and_released_at_once_touches_no_block() {
        let changes = Changes::between(&stock(), &after(stock(), &[reserve(FIRST, 4), release(FIRST)]));
        assert_eq!(changes.opened.len(), 1);
        assert_eq!(Changes { opened: vec![], ..changes }, Changes::default());
    }

    #[test]
    fn selling_what_is_held_picks_no_block() {
        let before = after(stock(), &[reserve(FIRST, 4)]);
        let changes = Changes::between(&before, &after(before.clone(), &[Command::Sell(FIRST)]));
        assert_eq!((changes.sold, changes.moved.len()), (vec![FIRST], 1));
        assert!(changes.freed.is_empty() && changes.taken.is_empty());
    }

    #[test]
    fn repeated_and_refused_commands_change_no_stock() {
        let before = after(stock(), &[reserve(FIRST, 4)]);
        let changes = Changes::between(&before, &after(before.clone(), &[reserve(FIRST, 4)]));
        assert_eq!(changes, Changes::default());
        let changes = Changes::between(&before, &after(before.clone(), &[reserve(SECOND, 8)]));
        assert_eq!(changes.opened.len(), 1);
        assert_eq!(Changes { opened: vec![], ..changes }, Changes::default());
    }
}
