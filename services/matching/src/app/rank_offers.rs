//! Ranks offers by price, trust and time fit.

use std::{collections::BTreeSet, time::Instant};

use p2p_domain::{ProviderId, Trust};

use crate::{
    domain::{Policy, Ranked, Request, rank},
    error::Error,
    metrics,
    store::Store,
};

/// The ranking, and the trust that it went by.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// The eligible offers, best first.
    pub ranked: Vec<Ranked>,
    /// Trust in every provider among the candidates, by provider id.
    pub trust: Vec<(ProviderId, Trust)>,
}

/// Reads the trust in all providers at once and ranks their offers.
///
/// # Errors
/// When the database fails.
pub async fn rank_offers(store: &Store, policy: &Policy, request: &Request) -> Result<Ranking, Error> {
    let providers: BTreeSet<_> = request.candidates().iter().map(|c| c.provider_id.clone()).collect();
    let providers = Vec::from_iter(providers);
    let known = store.trust_in(&providers).await?;
    let began = Instant::now();
    let ranked = rank(policy, request, &known);
    metrics::ranked(began.elapsed(), request.candidates().len(), ranked.len());
    let with_trust = |provider: ProviderId| {
        let trust = known.of(&provider);
        (provider, trust)
    };
    Ok(Ranking { ranked, trust: providers.into_iter().map(with_trust).collect() })
}
