//! Pricing: what a buyer asks for against what is for sale.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use p2p_domain::{Energy, ItemId, Money, OfferId, ProviderId, TimeWindow};

use super::Refusal;

/// What a buyer asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedLine {
    /// The item, when the buyer named it.
    pub item: Option<ItemId>,
    /// The offer.
    pub offer: OfferId,
    /// How much.
    pub quantity: Energy,
}

/// An offer as the catalog has it now.
#[derive(Debug, Clone)]
pub struct Offered {
    /// What it sells.
    pub item: ItemId,
    /// Who sells it.
    pub provider: ProviderId,
    /// What the seller is called.
    pub provider_name: String,
    /// The BPP that takes the orders, when it is not ours.
    pub elsewhere: Option<String>,
    /// Price of one kWh.
    pub price_per_kwh: Money,
    /// The smallest lot.
    pub block: Energy,
    /// Unsold and unheld of the offer.
    pub available: Energy,
    /// Unsold and unheld of its item.
    pub item_available: Energy,
    /// When it is delivered.
    pub window: TimeWindow,
}

/// What is for sale, by offer.
pub type Listings = BTreeMap<OfferId, Offered>;

/// A priced line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The item.
    pub item: ItemId,
    /// The offer.
    pub offer: OfferId,
    /// Who sells.
    pub provider: ProviderId,
    /// How much.
    pub quantity: Energy,
    /// Price of one kWh.
    pub price_per_kwh: Money,
    /// Price of the line.
    pub price: Money,
    /// When it is delivered.
    pub window: TimeWindow,
}

/// Priced lines of one provider in one currency; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Who sells.
    pub provider: ProviderId,
    /// What the seller is called.
    pub provider_name: String,
    /// By offer.
    pub lines: Vec<Line>,
    /// All of it.
    pub quantity: Energy,
    /// What it costs.
    pub price: Money,
}

impl Quote {
    /// Prices the lines, or says why not: unknown or past offer, no whole blocks, more than there is, several
    /// providers or currencies. Lines of one offer are added up.
    pub fn of(requested: &[RequestedLine], listings: &Listings, now: DateTime<Utc>) -> Result<Self, Refusal> {
        let quantities = add_up(requested, listings)?;
        let mut lines = Vec::with_capacity(quantities.len());
        let mut shortages = Vec::new();
        for (offer, quantity) in quantities {
            let offered = known(offer, listings)?;
            if let Some(bpp_uri) = &offered.elsewhere {
                return Err(Refusal::invalid(format!("Offer {offer} is sold by the BPP at {bpp_uri}")));
            }
            if offered.window.end() <= now {
                return Err(Refusal::invalid(format!("Offer {offer} has ended")));
            }
            if !quantity.is_lot_of(offered.block) {
                let block = offered.block;
                return Err(Refusal::invalid(format!(
                    "Quantity {quantity} of offer {offer} is not a positive whole number of {block} kWh blocks"
                )));
            }
            if quantity > offered.available {
                shortages.push(format!(
                    "Requested quantity {quantity} exceeds available blocks {}",
                    offered.available
                ));
            }
            if quantity > offered.item_available {
                shortages.push(format!(
                    "Requested quantity {quantity} exceeds item available {}",
                    offered.item_available
                ));
            }
            lines.push(priced(offer, offered, quantity)?);
        }
        if !shortages.is_empty() {
            return Err(Refusal::invalid(shortages.join("; ")));
        }
        Self::sum(lines, listings)
    }

    fn sum(lines: Vec<Line>, listings: &Listings) -> Result<Self, Refusal> {
        let first = lines.first().ok_or_else(|| Refusal::invalid("At least one order item is required"))?;
        if lines.iter().any(|line| line.provider != first.provider) {
            return Err(Refusal::invalid("All items of an order must come from one provider"));
        }
        let provider = first.provider.clone();
        let provider_name = known(&first.offer, listings)?.provider_name.clone();
        let (mut quantity, mut price) = (first.quantity, first.price);
        for line in &lines[1..] {
            quantity = quantity.checked_add(line.quantity).ok_or_else(too_much)?;
            price = price.plus(line.price).map_err(|e| Refusal::invalid(e.to_string()))?;
        }
        Ok(Self { provider, provider_name, lines, quantity, price })
    }

    /// The quote, if it is this provider's or the buyer did not say whose.
    ///
    /// # Errors
    /// When it is another's.
    pub fn sold_by(self, provider: &str) -> Result<Self, Refusal> {
        if provider.is_empty() || self.provider.as_str() == provider {
            return Ok(self);
        }
        Err(Refusal::invalid(format!(
            "The items are sold by provider {}, not by the one named",
            self.provider
        )))
    }

    /// Whether it is about the same quantities of the same offers.
    pub fn covers(&self, requested: &[RequestedLine]) -> bool {
        let mut left: BTreeMap<&OfferId, i64> = BTreeMap::new();
        for line in requested {
            *left.entry(&line.offer).or_default() += line.quantity.wh();
        }
        left.len() == self.lines.len()
            && self.lines.iter().all(|l| left.get(&l.offer) == Some(&l.quantity.wh()))
    }
}

fn add_up<'a>(
    requested: &'a [RequestedLine],
    listings: &Listings,
) -> Result<BTreeMap<&'a OfferId, Energy>, Refusal> {
    let mut quantities: BTreeMap<&OfferId, Energy> = BTreeMap::new();
    for line in requested {
        let offered = known(&line.offer, listings)?;
        if let Some(item) = line.item.as_ref().filter(|item| **item != offered.item) {
            return Err(Refusal::invalid(format!("Offer {} is not an offer of item {item}", line.offer)));
        }
        let sum = quantities.entry(&line.offer).or_default();
        *sum = sum.checked_add(line.quantity).ok_or_else(too_much)?;
    }
    Ok(quantities)
}

fn known<'a>(offer: &OfferId, listings: &'a Listings) -> Result<&'a Offered, Refusal> {
    listings.get(offer).ok_or_else(|| Refusal::invalid(format!("Offer {offer} not found")))
}

fn priced(offer: &OfferId, offered: &Offered, quantity: Energy) -> Result<Line, Refusal> {
    let price = offered.price_per_kwh.times(quantity).map_err(|e| Refusal::invalid(e.to_string()))?;
    Ok(Line {
        item: offered.item.clone(),
        offer: offer.clone(),
        provider: offered.provider.clone(),
        quantity,
        price_per_kwh: offered.price_per_kwh,
        price,
        window: offered.window,
    })
}

fn too_much() -> Refusal {
    Refusal::invalid("The quantities add up to more than 1000000000 kWh")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u32) -> DateTime<Utc> {
        format!("2026-01-18T{hour:02}:00:00Z").parse().unwrap()
    }

    fn offered(provider: &str, available_kwh: i64, item_kwh: i64) -> Offered {
        Offered {
            item: "item-1".parse().unwrap(),
            provider: provider.parse().unwrap(),
            provider_name: "Beta".into(),
            elsewhere: None,
            price_per_kwh: Money::new("0.08".parse().unwrap(), "USD".parse().unwrap()).unwrap(),
            block: Energy::KWH,
            available: Energy::from_wh(available_kwh * 1000).unwrap(),
            item_available: Energy::from_wh(item_kwh * 1000).unwrap(),
            window: TimeWindow::new(at(12), at(18)).unwrap(),
        }
    }

    fn listings() -> Listings {
        [("a", offered("p", 50, 100)), ("b", offered("p", 50, 100)), ("c", offered("q", 50, 100))]
            .map(|(id, o)| (id.parse().unwrap(), o))
            .into()
    }

    fn line(offer: &str, wh: i64) -> RequestedLine {
        RequestedLine { item: None, offer: offer.parse().unwrap(), quantity: Energy::from_wh(wh).unwrap() }
    }

    fn refusal(lines: &[RequestedLine]) -> String {
        Quote::of(lines, &listings(), at(10)).unwrap_err().message
    }

    #[test]
    fn thirty_kwh_at_eight_cents_are_quoted_at_2_4() {
        let quote = Quote::of(&[line("a", 30_000)], &listings(), at(10)).unwrap();
        assert_eq!(quote.price.to_string(), "2.4 USD");
        assert_eq!(quote.quantity.to_string(), "30");
    }

    #[test]
    fn lines_of_one_offer_are_added_up() {
        let twice = [line("a", 10_000), line("a", 20_000)];
        let quote = Quote::of(&twice, &listings(), at(10)).unwrap();
        assert_eq!(quote.lines.len(), 1);
        assert!(quote.covers(&[line("a", 30_000)]) && quote.covers(&twice));
        assert!(!quote.covers(&[line("a", 30_000), line("b", 1_000)]));
        assert!(!quote.covers(&[line("b", 30_000)]));
    }

    #[test]
    fn more_than_there_is_names_both_limits() {
        assert_eq!(
            refusal(&[line("a", 500_000)]),
            "Requested quantity 500 exceeds available blocks 50; Requested quantity 500 exceeds item available 100"
        );
    }

    #[test]
    fn what_cannot_be_sold_is_refused_with_its_reason() {
        assert_eq!(refusal(&[line("offer-none", 1_000)]), "Offer offer-none not found");
        assert!(refusal(&[line("a", 1_500)]).contains("whole number of 1 kWh blocks"));
        assert!(refusal(&[line("a", 0)]).contains("whole number"));
        assert!(refusal(&[line("a", 1_000), line("c", 1_000)]).contains("one provider"));
        assert!(refusal(&[]).contains("At least one"));
        let late = Quote::of(&[line("a", 1_000)], &listings(), at(18)).unwrap_err();
        assert_eq!(late.message, "Offer a has ended");
    }
}
