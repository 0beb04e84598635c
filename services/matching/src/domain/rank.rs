//! The ranking (the seed's Matching Algorithm): hard filters first, then a weighted score.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use p2p_domain::{Money, OfferId, ProviderId, TimeWindow};

use super::{
    Candidate, Columns, KnownTrust, Policy, Request, Scores,
    columns::{Placed, Row, Wanted},
};

/// An eligible offer and its scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranked {
    /// The offer.
    pub offer_id: OfferId,
    /// How good it is.
    pub scores: Scores,
}

/// Drops the offers that cannot serve the request and ranks the rest, best first: by score, then lower price,
/// then higher trust, then offer id.
pub fn rank(policy: &Policy, request: &Request, known: &KnownTrust) -> Vec<Ranked> {
    let offers = request.candidates();
    let unit = Unit::finest(offers.iter().map(|offer| &offer.price));
    let mut providers = Providers { known, places: HashMap::new(), trust: Vec::new() };
    let mut columns = Columns::with_capacity(offers.len());
    for offer in offers {
        // The limit is compared exactly, whatever fits into a unit.
        let affordable = request.max_price().is_none_or(|max| offer.price.amount() <= max.amount());
        let price = if affordable { unit.count(offer.price) } else { i64::MAX };
        columns.push(row(offer, price, providers.place(&offer.provider_id)));
    }
    let (start, end) = micros(request.window());
    let wanted = Wanted { quantity: request.quantity().wh(), max_price: Columns::MOST, start, end };
    let by_id = |a: usize, b: usize| offers[a].offer_id.cmp(&offers[b].offer_id);
    let best = columns.best(policy, &wanted, &providers.trust, offers.len(), by_id);
    let ranked =
        |place: Placed| Ranked { offer_id: offers[place.row].offer_id.clone(), scores: place.scores };
    best.placed.into_iter().map(ranked).collect()
}

fn row(offer: &Candidate, price: i64, provider: u32) -> Row {
    let (start, end) = micros(offer.window);
    Row { price, available: offer.available.wh(), start, end, provider }
}

/// From and until, in microseconds since 1970, as PostgreSQL keeps them; what is further than columns go counts as their end.
fn micros(window: TimeWindow) -> (i64, i64) {
    let within = |at: DateTime<Utc>| at.timestamp_micros().clamp(-Columns::MOST, Columns::MOST);
    (within(window.start()), within(window.end()))
}

/// So many decimals make a whole number of every price of a request.
#[derive(Debug, Clone, Copy)]
struct Unit(u32);

impl Unit {
    fn finest<'m>(prices: impl Iterator<Item = &'m Money>) -> Self {
        Self(prices.map(|price| price.amount().scale()).max().unwrap_or_default())
    }

    /// How many there are in it. What does not fit counts as the most that does: with nine decimals, four billion.
    fn count(self, price: Money) -> i64 {
        let mut amount = price.amount();
        amount.rescale(self.0);
        let most = if amount.is_sign_negative() { -Columns::MOST } else { Columns::MOST };
        i64::try_from(amount.mantissa()).unwrap_or(most)
    }
}

/// Trust by number instead of by name.
struct Providers<'a> {
    known: &'a KnownTrust,
    places: HashMap<&'a ProviderId, u32>,
    trust: Vec<f64>,
}

impl<'a> Providers<'a> {
    fn place(&mut self, provider: &'a ProviderId) -> u32 {
        let Self { known, places, trust } = self;
        *places.entry(provider).or_insert_with(|| {
            trust.push(known.of(provider).score());
            trust.len() as u32 - 1
        })
    }
}

#[cfg(test)]
mod tests;
