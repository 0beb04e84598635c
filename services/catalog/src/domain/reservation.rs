//! The life of a reservation, the only arbiter of an order's stock:
//! HELD -> SOLD -> RETURNED, or HELD -> RELEASED, or REFUSED at birth.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use p2p_domain::{Energy, ItemId, OfferId, OrderId, TransactionId};

use super::{Invalid, PageSize, Use};

const MOST_LINES: usize = 100;

/// What was asked of one offer, whether or not it makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Which offer.
    pub offer: OfferId,
    /// Watt-hours.
    pub quantity_wh: i64,
}

/// A positive whole number of blocks of one offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    /// Which offer.
    pub offer: OfferId,
    /// How much.
    pub quantity: Energy,
}

/// Why nothing is held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such offer.
    #[error("offer {0} is unknown")]
    UnknownOffer(OfferId),
    /// It was taken off sale.
    #[error("offer {0} is no longer offered")]
    Withdrawn(OfferId),
    /// Zero, negative, absurd, or between two blocks.
    #[error("offer {offer} is sold in blocks of {block} kWh, not by {quantity_wh} Wh")]
    NoLot {
        /// Which offer.
        offer: OfferId,
        /// Its smallest lot.
        block: Energy,
        /// What was asked.
        quantity_wh: i64,
    },
    /// The offer has less.
    #[error("offer {0} has not enough left")]
    ShortOffer(OfferId),
    /// The offer's item has less.
    #[error("offer {offer} has not enough left of its item {item}")]
    ShortItem {
        /// Which offer.
        offer: OfferId,
        /// Its item.
        item: ItemId,
    },
}

/// An order's reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// The order.
    pub order: OrderId,
    /// The trade that it belongs to; none if the release came first.
    pub transaction: Option<TransactionId>,
    /// Where it stands.
    pub state: State,
}

impl Reservation {
    /// What the blocks that it covers are used for.
    pub fn used(&self) -> Use {
        match self.state {
            State::Held(_) => Use::Held(self.order.into()),
            State::Sold(_) => Use::Sold(self.order.into()),
            State::Returned(_) | State::Released { .. } | State::Refused { .. } => Use::Free,
        }
    }
}

/// Where a reservation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Blocks are held.
    Held,
    /// Blocks are sold.
    Sold,
    /// Sold once, back in stock.
    Returned,
    /// Held once or never, back in stock.
    Released,
    /// There was not enough.
    Refused,
}

/// Which reservations to list, in the order of their order ids.
#[derive(Debug, Clone)]
pub struct Sought {
    /// In one of these states.
    pub statuses: Vec<Status>,
    /// Changed at this moment or later.
    pub changed_since: Option<DateTime<Utc>>,
    /// Not changed at this moment or later.
    pub unchanged_since: Option<DateTime<Utc>>,
    /// How many.
    pub page: PageSize,
    /// Behind which order; from the first if there is none.
    pub after: Option<OrderId>,
}

/// Where a reservation stands, with what is true there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The lots are held.
    Held(Vec<Lot>),
    /// The lots are sold.
    Sold(Vec<Lot>),
    /// The lots were sold and are back in stock.
    Returned(Vec<Lot>),
    /// The lots were held and are back in stock; there are none if the release came first.
    Released {
        /// Why.
        reason: String,
        /// What was held.
        lots: Vec<Lot>,
    },
    /// Nothing was ever held.
    Refused {
        /// Why; names the offer.
        reason: String,
        /// What was asked.
        lines: Vec<Line>,
    },
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Held, Self::Sold, Self::Returned, Self::Released, Self::Refused];
}

impl State {
    /// The state without what is true there.
    pub fn status(&self) -> Status {
        match self {
            Self::Held(_) => Status::Held,
            Self::Sold(_) => Status::Sold,
            Self::Returned(_) => Status::Returned,
            Self::Released { .. } => Status::Released,
            Self::Refused { .. } => Status::Refused,
        }
    }

    /// HELD becomes SOLD; in every other state there is nothing to sell.
    pub fn sold(&self) -> Option<Self> {
        match self {
            Self::Held(lots) => Some(Self::Sold(lots.clone())),
            Self::Sold(_) | Self::Returned(_) | Self::Released { .. } | Self::Refused { .. } => None,
        }
    }

    /// HELD becomes RELEASED; in every other state nothing is held.
    pub fn released(&self, reason: &str) -> Option<Self> {
        match self {
            Self::Held(lots) => Some(Self::Released { reason: reason.to_owned(), lots: lots.clone() }),
            Self::Sold(_) | Self::Returned(_) | Self::Released { .. } | Self::Refused { .. } => None,
        }
    }

    /// SOLD becomes RETURNED; in every other state nothing is sold.
    pub fn returned(&self) -> Option<Self> {
        match self {
            Self::Sold(lots) => Some(Self::Returned(lots.clone())),
            Self::Held(_) | Self::Returned(_) | Self::Released { .. } | Self::Refused { .. } => None,
        }
    }

    /// What it covers, or covered; nothing when it was refused.
    pub fn lots(&self) -> &[Lot] {
        match self {
            Self::Held(lots) | Self::Sold(lots) | Self::Returned(lots) | Self::Released { lots, .. } => lots,
            Self::Refused { .. } => &[],
        }
    }
}

/// Adds up the lines of the same offer. By offer id. A line that is not positive is never hidden in a sum.
///
/// # Errors
/// When there are none, or more than 100.
pub fn add_up(lines: Vec<Line>) -> Result<Vec<Line>, Invalid> {
    if lines.is_empty() || lines.len() > MOST_LINES {
        return Err(Invalid::Lines);
    }
    let mut sums = BTreeMap::new();
    for Line { offer, quantity_wh } in lines {
        sums.entry(offer)
            .and_modify(|sum: &mut i64| {
                *sum = if (*sum).min(quantity_wh) <= 0 {
                    (*sum).min(quantity_wh)
                } else {
                    sum.saturating_add(quantity_wh)
                };
            })
            .or_insert(quantity_wh);
    }
    Ok(sums.into_iter().map(|(offer, quantity_wh)| Line { offer, quantity_wh }).collect())
}

/// The lots that the lines ask for, in the lines' order. `block_of` knows the blocks of the offers there are.
///
/// # Errors
/// The first line that no offer can sell.
pub fn lots_of(lines: &[Line], block_of: impl Fn(&OfferId) -> Option<Energy>) -> Result<Vec<Lot>, Refusal> {
    lines.iter().map(|line| lot_of(line, block_of(&line.offer))).collect()
}

fn lot_of(Line { offer, quantity_wh }: &Line, block: Option<Energy>) -> Result<Lot, Refusal> {
    let block = block.ok_or_else(|| Refusal::UnknownOffer(offer.clone()))?;
    Energy::from_wh(*quantity_wh)
        .ok()
        .filter(|quantity| quantity.is_lot_of(block))
        .map(|quantity| Lot { offer: offer.clone(), quantity })
        .ok_or_else(|| Refusal::NoLot { offer: offer.clone(), block, quantity_wh: *quantity_wh })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(offer: &str, quantity_wh: i64) -> Line {
        Line { offer: OfferId::parse(offer).unwrap(), quantity_wh }
    }

    /// There is but offer a.
    fn block_of(offer: &OfferId) -> Option<Energy> {
        (offer.as_str() == "a").then_some(Energy::KWH)
    }

    #[test]
    fn lines_of_one_offer_are_added_up() {
        let lines = vec![line("b", 1_000), line("a", 2_000), line("b", 3_000)];
        assert_eq!(add_up(lines).unwrap(), [line("a", 2_000), line("b", 4_000)]);
        assert_eq!(add_up(vec![]), Err(Invalid::Lines));
    }

    #[test]
    fn a_bad_line_is_not_mended_by_a_good_one() {
        assert_eq!(add_up(vec![line("a", -1_000), line("a", 2_000)]).unwrap(), [line("a", -1_000)]);
        assert_eq!(add_up(vec![line("a", 2_000), line("a", 0)]).unwrap(), [line("a", 0)]);
        assert_eq!(add_up(vec![line("a", i64::MAX), line("a", 1)]).unwrap(), [line("a", i64::MAX)]);
    }

    #[test]
    fn only_positive_whole_blocks_of_known_offers_are_lots() {
        assert_eq!(lots_of(&[line("a", 3_000)], block_of).unwrap()[0].quantity.wh(), 3_000);
        for quantity_wh in [0, -1_000, 1_500, i64::MAX, i64::MIN] {
            let refusal = lots_of(&[line("a", quantity_wh)], block_of);
            assert!(matches!(refusal, Err(Refusal::NoLot { .. })), "{quantity_wh}");
        }
        let unknown = Refusal::UnknownOffer(OfferId::parse("x").unwrap());
        assert_eq!(lots_of(&[line("a", 1_000), line("x", 1_000)], block_of), Err(unknown));
    }

    #[test]
    fn a_reservation_moves_only_along_its_arrows() {
        let held = State::Held(lots_of(&[line("a", 3_000)], block_of).unwrap());
        let sold = held.sold().unwrap();
        let returned = sold.returned().unwrap();
        let released = held.released("expired").unwrap();
        let refused = State::Refused { reason: String::new(), lines: vec![] };
        assert_eq!((held.returned(), sold.sold(), sold.released("late")), (None, None, None));
        for end in [returned, released, refused] {
            assert_eq!((end.sold(), end.released("late"), end.returned()), (None, None, None), "{end:?}");
        }
    }
}
