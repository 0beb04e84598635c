//! The stock that a group of commands is about. Each command is decided in turn, on what those before it have left.

use std::collections::BTreeMap;

use p2p_domain::{Energy, ItemId, OfferId, OrderId, TransactionId};

use super::{Counters, Label, Line, Lot, Move, Refusal, Reservation, State, lots_of};

/// What an order wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The order.
    pub order: OrderId,
    /// The trade that it belongs to.
    pub transaction: TransactionId,
    /// One line an offer, by offer id.
    pub lines: Vec<Line>,
}

/// What may be done with stock. Each is idempotent: the same again is answered with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Hold all lines for an order, or none.
    Reserve(Wish),
    /// Sell what is held.
    Sell(OrderId),
    /// Give back what is held, and why.
    Release(OrderId, Label),
    /// Take back what was sold.
    Return(OrderId),
}

/// An offer's stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelf {
    /// What it sells; never changes.
    pub item: ItemId,
    /// Its smallest lot; never changes.
    pub block: Energy,
    /// The parts of its total.
    pub stock: Counters,
    /// Off sale: nothing of it can be held any more.
    pub withdrawn: bool,
}

/// Items, offers of them, and the reservations of orders.
#[derive(Debug, Clone, Default)]
pub struct Stock {
    /// The parts of the items' totals.
    pub items: BTreeMap<ItemId, Counters>,
    /// Offers of those items.
    pub offers: BTreeMap<OfferId, Shelf>,
    /// At most one an order.
    pub reservations: BTreeMap<OrderId, Reservation>,
}

/// Why a command has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undecided {
    /// The order never asked for stock.
    #[error("order {0} has no reservation")]
    Unknown(OrderId),
    /// The counters are below what reservations cover.
    #[error("order {order} covers more than the counters have: {short}")]
    Uncovered {
        /// The order whose reservation it is.
        order: OrderId,
        /// What is short.
        short: Refusal,
    },
}

impl Command {
    /// Whose stock it is about.
    pub fn order(&self) -> OrderId {
        match self {
            Self::Reserve(wish) => wish.order,
            Self::Sell(order) | Self::Release(order, _) | Self::Return(order) => *order,
        }
    }

    /// What it makes of a reservation; none when it has nothing to do.
    fn moves(&self, state: &State) -> Option<(Move, State)> {
        match self {
            Self::Reserve(_) => None,
            Self::Sell(_) => state.sold().map(|sold| (Move::Sell, sold)),
            Self::Release(_, reason) => state.released(reason.as_str()).map(|free| (Move::Release, free)),
            Self::Return(_) => state.returned().map(|returned| (Move::Return, returned)),
        }
    }
}

impl Stock {
    /// Does what a command says and answers with the order's reservation. What cannot be held is a REFUSED one, and
    /// the release of an unknown order a RELEASED one, so that a reservation which arrives late is refused.
    ///
    /// # Errors
    /// When the order should have a reservation and has none, or the stock contradicts itself; nothing moves then.
    pub fn decide(&mut self, command: &Command) -> Result<Reservation, Undecided> {
        let order = command.order();
        let decided = match (self.reservations.get(&order), command) {
            (Some(known), command) => match command.moves(&known.state) {
                None => return Ok(known.clone()),
                Some((to, state)) => {
                    let transaction = known.transaction.clone();
                    self.shift(to, state.lots()).map_err(|short| Undecided::Uncovered { order, short })?;
                    Reservation { order, transaction, state }
                }
            },
            (None, Command::Reserve(wish)) => Reservation {
                order,
                transaction: Some(wish.transaction.clone()),
                state: self.hold(&wish.lines),
            },
            (None, Command::Release(_, reason)) => {
                let state = State::Released { reason: reason.to_string(), lots: Vec::new() };
                Reservation { order, transaction: None, state }
            }
            (None, Command::Sell(_) | Command::Return(_)) => return Err(Undecided::Unknown(order)),
        };
        self.reservations.insert(order, decided.clone());
        Ok(decided)
    }

    /// HELD or REFUSED.
    fn hold(&mut self, lines: &[Line]) -> State {
        let withdrawn = |line: &&Line| self.offers.get(&line.offer).is_some_and(|shelf| shelf.withdrawn);
        let refused = lines.iter().find(withdrawn).map(|line| Refusal::Withdrawn(line.offer.clone()));
        let block_of = |offer: &OfferId| self.offers.get(offer).map(|shelf| shelf.block);
        let lots = refused.map_or_else(|| lots_of(lines, block_of), Err);
        let held = lots.and_then(|lots| {
            self.shift(Move::Reserve, &lots)?;
            Ok(lots)
        });
        match held {
            Ok(lots) => State::Held(lots),
            Err(refusal) => State::Refused { reason: refusal.to_string(), lines: lines.to_vec() },
        }
    }

    /// Moves all lots within the counters of their items and offers, or none of them.
    fn shift(&mut self, to: Move, lots: &[Lot]) -> Result<(), Refusal> {
        let mut items: BTreeMap<ItemId, Counters> = BTreeMap::new();
        let mut offers: BTreeMap<OfferId, Shelf> = BTreeMap::new();
        for Lot { offer, quantity } in lots {
            let shelf = self.offers.get(offer).ok_or_else(|| Refusal::UnknownOffer(offer.clone()))?;
            let of_item = items.get(&shelf.item).or_else(|| self.items.get(&shelf.item)).copied();
            let of_item = of_item
                .and_then(|stock| stock.moved(to, *quantity))
                .ok_or_else(|| Refusal::ShortItem { offer: offer.clone(), item: shelf.item.clone() })?;
            let stock = shelf.stock.moved(to, *quantity);
            let stock = stock.ok_or_else(|| Refusal::ShortOffer(offer.clone()))?;
            items.insert(shelf.item.clone(), of_item);
            offers.insert(offer.clone(), Shelf { stock, ..shelf.clone() });
        }
        self.items.extend(items);
        self.offers.extend(offers);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn kwh(n: i64) -> Energy {
        Energy::from_wh(n * 1_000).unwrap()
    }

    fn order(n: u128) -> OrderId {
        OrderId(Uuid::from_u128(n))
    }

    fn reserve(n: u128, lines: &[(&str, i64)]) -> Command {
        let line =
            |&(offer, kwh): &(&str, i64)| Line { offer: offer.parse().unwrap(), quantity_wh: kwh * 1_000 };
        let lines = lines.iter().map(line).collect();
        Command::Reserve(Wish { order: order(n), transaction: "t".parse().unwrap(), lines })
    }

    fn release(n: u128, reason: &str) -> Command {
        Command::Release(order(n), Label::parse(reason, "reason").unwrap())
    }

    /// Item i of 15 kWh with offers a of 10 kWh and b of 10 kWh.
    fn stock() -> Stock {
        let item: ItemId = "i".parse().unwrap();
        let shelf =
            Shelf { item: item.clone(), block: kwh(1), stock: Counters::all_free(kwh(10)), withdrawn: false };
        Stock {
            items: [(item, Counters::all_free(kwh(15)))].into(),
            offers: ["a", "b"].map(|offer| (offer.parse().unwrap(), shelf.clone())).into(),
            reservations: BTreeMap::new(),
        }
    }

    /// What is left of item, a and b, in kWh.
    fn left(stock: &Stock) -> Vec<i64> {
        let offers = stock.offers.values().map(|shelf| shelf.stock);
        stock.items.values().copied().chain(offers).map(|stock| stock.available.wh() / 1_000).collect()
    }

    fn refusal(stock: &mut Stock, command: &Command) -> String {
        match stock.decide(command).unwrap().state {
            State::Refused { reason, .. } => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_command_finds_what_those_before_it_have_left() {
        let mut stock = stock();
        assert!(matches!(stock.decide(&reserve(1, &[("a", 8)])).unwrap().state, State::Held(_)));
        assert_eq!(refusal(&mut stock, &reserve(2, &[("a", 3)])), "offer a has not enough left");
        assert_eq!(
            refusal(&mut stock, &reserve(3, &[("b", 8)])),
            "offer b has not enough left of its item i"
        );
        assert!(matches!(stock.decide(&release(1, "late")).unwrap().state, State::Released { .. }));
        assert!(matches!(stock.decide(&reserve(4, &[("b", 8)])).unwrap().state, State::Held(_)));
        assert_eq!(left(&stock), [7, 10, 2]);
    }

    #[test]
    fn an_order_over_several_offers_moves_all_or_nothing() {
        let mut stock = stock();
        assert_eq!(refusal(&mut stock, &reserve(1, &[("a", 2), ("b", 11)])), "offer b has not enough left");
        let of_item = refusal(&mut stock, &reserve(2, &[("a", 8), ("b", 8)]));
        assert_eq!(of_item, "offer b has not enough left of its item i");
        assert_eq!(refusal(&mut stock, &reserve(3, &[("a", 2), ("x", 1)])), "offer x is unknown");
        assert_eq!(left(&stock), [15, 10, 10]);
        stock.decide(&reserve(4, &[("a", 7), ("b", 8)])).unwrap();
        assert_eq!(left(&stock), [0, 3, 2]);
    }

    #[test]
    fn nothing_of_a_withdrawn_offer_is_held_but_what_is_held_moves_on() {
        let mut stock = stock();
        for n in 1..=3 {
            stock.decide(&reserve(n, &[("a", 2)])).unwrap();
        }
        stock.decide(&Command::Sell(order(1))).unwrap();
        stock.offers.get_mut(&"a".parse::<OfferId>().unwrap()).unwrap().withdrawn = true;
        let both = reserve(4, &[("a", 1), ("b", 1)]);
        assert_eq!(refusal(&mut stock, &both), "offer a is no longer offered");
        assert!(matches!(stock.decide(&Command::Return(order(1))).unwrap().state, State::Returned(_)));
        assert!(matches!(stock.decide(&Command::Sell(order(2))).unwrap().state, State::Sold(_)));
        assert!(matches!(stock.decide(&release(3, "late")).unwrap().state, State::Released { .. }));
        assert_eq!(left(&stock), [13, 8, 10]);
    }

    #[test]
    fn the_same_again_reads_the_same_answer_and_moves_nothing() {
        let mut stock = stock();
        for command in [reserve(1, &[("a", 8)]), Command::Sell(order(1)), Command::Return(order(1))] {
            let answer = stock.decide(&command).unwrap();
            let after = left(&stock);
            assert_eq!(stock.decide(&command).unwrap(), answer);
            assert_eq!(stock.decide(&reserve(1, &[("b", 1)])).unwrap(), answer);
            assert_eq!(left(&stock), after);
        }
    }

    #[test]
    fn a_reservation_behind_its_release_holds_nothing() {
        let mut stock = stock();
        let released = stock.decide(&release(1, "expired")).unwrap();
        assert_eq!(released.state, State::Released { reason: "expired".into(), lots: vec![] });
        assert_eq!(stock.decide(&reserve(1, &[("a", 8)])).unwrap(), released);
        assert_eq!(left(&stock), [15, 10, 10]);
    }

    #[test]
    fn an_unknown_order_is_neither_sold_nor_returned_and_may_still_reserve() {
        let mut stock = stock();
        for command in [Command::Sell(order(1)), Command::Return(order(1))] {
            assert_eq!(stock.decide(&command), Err(Undecided::Unknown(order(1))));
        }
        assert!(matches!(stock.decide(&reserve(1, &[("a", 8)])).unwrap().state, State::Held(_)));
    }

    #[test]
    fn what_the_counters_do_not_cover_is_not_sold() {
        let mut stock = stock();
        stock.decide(&reserve(1, &[("a", 8)])).unwrap();
        let known = stock.reservations.clone();
        let mut stock = Stock { reservations: known.clone(), ..self::stock() };
        assert!(matches!(stock.decide(&Command::Sell(order(1))), Err(Undecided::Uncovered { .. })));
        assert_eq!((stock.reservations, left(&self::stock())), (known, vec![15, 10, 10]));
    }
}
