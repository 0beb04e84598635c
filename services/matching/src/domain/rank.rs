//! The ranking (the seed's Matching Algorithm): hard filters first, then a weighted score.

use std::cmp::Reverse;

use p2p_domain::{OfferId, Trust};
use rust_decimal::Decimal;

use super::{
    Candidate, KnownTrust, Policy, Request, Scores,
    score::{price_ratio, time_ratio},
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
    let eligible = eligible(policy, request, known);
    let Some((cheapest, dearest)) = price_range(&eligible) else { return Vec::new() };
    let mut scored: Vec<_> = eligible
        .into_iter()
        .map(|(offer, trust)| {
            let price = price_ratio(offer.price.amount(), cheapest, dearest);
            let wanted = request.window();
            let time_fit = time_ratio(wanted.overlap(offer.window), wanted.duration());
            (offer, policy.weights.scores(price, trust, time_fit))
        })
        .collect();
    scored.sort_by_key(|&(offer, scores)| {
        (Reverse(scores.total), offer.price.amount(), Reverse(scores.trust), &offer.offer_id)
    });
    scored.into_iter().map(|(offer, scores)| Ranked { offer_id: offer.offer_id.clone(), scores }).collect()
}

/// The offers that pass every hard filter, with their provider's trust.
fn eligible<'r>(policy: &Policy, request: &'r Request, known: &KnownTrust) -> Vec<(&'r Candidate, Trust)> {
    let with_trust = |offer: &'r Candidate| (offer, known.of(&offer.provider_id));
    let offers = request.candidates().iter().filter(|offer| request.admits(offer));
    offers.map(with_trust).filter(|(_, trust)| policy.min_trust.is_met_by(*trust)).collect()
}

/// The lowest and the highest price, if there are any.
fn price_range(offers: &[(&Candidate, Trust)]) -> Option<(Decimal, Decimal)> {
    let prices = || offers.iter().map(|(offer, _)| offer.price.amount());
    Some((prices().min()?, prices().max()?))
}

#[cfg(test)]
mod tests;
