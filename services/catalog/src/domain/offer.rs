//! Energy of an item at a price in a window.

use p2p_domain::{Energy, ItemId, Money, OfferId, ProviderId, TimeWindow};
use rust_decimal::Decimal;

use super::{Counters, Invalid, Label, Origin, Published};

const PRICE_DECIMALS: u32 = 6;
const PRICE_BELOW: i64 = 1_000_000_000_000;

/// The price of one kWh: above 0, below 10^12, at most six decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price(Money);

impl Price {
    /// Money that can be a price.
    ///
    /// # Errors
    /// When it is zero, negative, too much or too fine.
    pub fn new(money: Money) -> Result<Self, Invalid> {
        let amount = money.amount();
        let in_range = amount > Decimal::ZERO && amount < PRICE_BELOW.into();
        if !in_range || amount.scale() > PRICE_DECIMALS {
            return Err(Invalid::Price);
        }
        Ok(Self(money))
    }

    /// The money.
    pub fn money(self) -> Money {
        self.0
    }
}

/// An offer to sell (the seed's EnergyTradeOffer).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its id.
    pub id: OfferId,
    /// What it sells; never changes.
    pub item: ItemId,
    /// Who sells it; never changes.
    pub provider: ProviderId,
    /// The price of one kWh.
    pub price: Price,
    /// The smallest lot; never changes.
    pub block: Energy,
    /// All of it, a whole number of blocks.
    pub total: Energy,
    /// The parts of the total.
    pub stock: Counters,
    /// When the energy is delivered.
    pub window: TimeWindow,
    /// PER_KWH.
    pub pricing_model: Label,
    /// DAILY.
    pub settlement_type: Label,
    /// Which way it came; never changes.
    pub origin: Origin,
    /// Taken off sale: nothing of it can be held any more, what is held can still be sold.
    pub withdrawn: bool,
    /// What a network's catalog said of it.
    pub published: Published,
}

impl Offer {
    /// The block, which is one kWh unless said otherwise, if the total is a positive whole number of it.
    ///
    /// # Errors
    /// When it is not.
    pub fn block(block: Energy, total: Energy) -> Result<Energy, Invalid> {
        let block = if block.is_zero() { Energy::KWH } else { block };
        if total.is_lot_of(block) { Ok(block) } else { Err(Invalid::Blocks) }
    }

    /// So much energy in blocks, the rest cut off.
    pub fn blocks(&self, energy: Energy) -> i64 {
        energy.wh().checked_div(self.block.wh()).unwrap_or(0)
    }

    /// What can still be sold when so much of the item is available: the smaller of both in whole blocks, and nothing
    /// of what is withdrawn.
    pub fn sellable(&self, of_item: Energy) -> Energy {
        if self.withdrawn {
            return Energy::ZERO;
        }
        let blocks = self.blocks(self.stock.available.min(of_item));
        Energy::from_wh(blocks * self.block.wh()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kwh(text: &str) -> Energy {
        Energy::from_kwh(text.parse().unwrap()).unwrap()
    }

    fn offer(block: &str, available: &str) -> Offer {
        let at = |t: &str| format!("2026-01-18T{t}:00:00Z").parse().unwrap();
        Offer {
            id: OfferId::parse("o").unwrap(),
            item: ItemId::parse("i").unwrap(),
            provider: ProviderId::parse("p").unwrap(),
            price: price("0.1").unwrap(),
            block: kwh(block),
            total: kwh(available),
            stock: Counters::all_free(kwh(available)),
            window: TimeWindow::new(at("10"), at("14")).unwrap(),
            pricing_model: Label::default(),
            settlement_type: Label::default(),
            origin: Origin::Seller,
            withdrawn: false,
            published: Published::default(),
        }
    }

    fn price(text: &str) -> Result<Price, Invalid> {
        Price::new(Money::new(text.parse().unwrap(), "USD".parse().unwrap()).unwrap())
    }

    #[test]
    fn sellable_is_the_smaller_of_offer_and_item_in_whole_blocks() {
        assert_eq!(offer("1", "50").sellable(kwh("100")), kwh("50"));
        assert_eq!(offer("1", "50").sellable(kwh("7.9")), kwh("7"));
        assert_eq!(offer("5", "50").sellable(kwh("19")), kwh("15"));
        assert_eq!(offer("5", "50").sellable(kwh("4.999")), Energy::ZERO);
        assert_eq!(Offer { withdrawn: true, ..offer("1", "50") }.sellable(kwh("100")), Energy::ZERO);
    }

    #[test]
    fn a_block_is_one_kwh_unless_said_otherwise_and_divides_the_total() {
        assert_eq!(Offer::block(Energy::ZERO, kwh("50")), Ok(Energy::KWH));
        assert_eq!(Offer::block(kwh("2.5"), kwh("50")), Ok(kwh("2.5")));
        assert_eq!(Offer::block(kwh("3"), kwh("50")), Err(Invalid::Blocks));
        assert_eq!(Offer::block(Energy::ZERO, Energy::ZERO), Err(Invalid::Blocks));
    }

    #[test]
    fn a_price_is_positive_with_at_most_six_decimals() {
        assert!(price("0.000001").is_ok());
        assert!(price("999999999999.999999").is_ok());
        for bad in ["0", "-0.1", "0.0000001", "1000000000000"] {
            assert_eq!(price(bad), Err(Invalid::Price), "{bad}");
        }
    }
}
