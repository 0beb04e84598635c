//! Ranks offers by price, trust and time fit.

use std::{collections::BTreeSet, time::Instant};

use chrono::{DateTime, Utc};
use p2p_domain::{ProviderId, Trust};

use crate::{
    app::Notebook,
    domain::{Decision, Policy, Ranked, Request, Trade, rank},
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

/// For whom a ranking decides, and where that is noted.
#[derive(Debug)]
pub struct Choice<'n> {
    /// The trade that takes the best offer.
    pub trade: Trade,
    /// When.
    pub at: DateTime<Utc>,
    /// Where it is noted, in the background.
    pub notebook: &'n Notebook,
}

/// Reads the trust in all providers at once and ranks their offers; notes what is chosen by it, if anything is.
///
/// # Errors
/// When the database fails.
pub async fn rank_offers(
    store: &Store,
    policy: &Policy,
    request: &Request,
    choice: Option<Choice<'_>>,
) -> Result<Ranking, Error> {
    let providers: BTreeSet<_> = request.candidates().iter().map(|c| &c.provider_id).collect();
    let providers: Vec<ProviderId> = providers.into_iter().cloned().collect();
    let known = store.trust_in(&providers).await?;
    let began = Instant::now();
    let ranked = rank(policy, request, &known);
    metrics::ranked(began.elapsed(), request.candidates().len(), ranked.len());
    if let Some(Choice { trade, at, notebook }) = choice {
        notebook.note(Decision::of(trade, at, *policy, request, &ranked));
    }
    let with_trust = |provider: ProviderId| {
        let trust = known.of(&provider);
        (provider, trust)
    };
    Ok(Ranking { ranked, trust: providers.into_iter().map(with_trust).collect() })
}
