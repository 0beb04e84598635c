//! Why a trade got the offer it got.

use chrono::{DateTime, Utc};
use p2p_domain::{Energy, Money, ParticipantId, TimeWindow, TransactionId};

use super::{Candidate, Policy, Ranked, Request, Scores};

/// How many of the best offers are kept.
const MOST_KEPT: usize = 10;

/// A trade of one BAP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trade {
    /// The buyer's side.
    pub bap: ParticipantId,
    /// The trade.
    pub transaction: TransactionId,
}

/// A choice that was made for a trade.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// For which.
    pub trade: Trade,
    /// When.
    pub decided_at: DateTime<Utc>,
    /// How much was wanted.
    pub quantity: Energy,
    /// When it was wanted.
    pub window: TimeWindow,
    /// The most that a kWh might cost, if there was a limit.
    pub max_price: Option<Money>,
    /// What the ranking went by.
    pub policy: Policy,
    /// How many offers there were.
    pub candidates: u32,
    /// How many of them could serve.
    pub eligible: u32,
    /// The best ten of these, best first: the first one was chosen.
    pub best: Vec<Matched>,
}

/// An offer that could serve, as it was then.
#[derive(Debug, Clone, PartialEq)]
pub struct Matched {
    /// The offer.
    pub offer: Candidate,
    /// How good it was.
    pub scores: Scores,
}

impl Decision {
    /// What was decided by this ranking of the request.
    pub fn of(
        trade: Trade,
        decided_at: DateTime<Utc>,
        policy: Policy,
        request: &Request,
        ranked: &[Ranked],
    ) -> Self {
        let count = |offers: usize| u32::try_from(offers).unwrap_or(u32::MAX);
        let matched = |ranked: &Ranked| {
            let offer = request.candidates().iter().find(|offer| offer.offer_id == ranked.offer_id)?;
            Some(Matched { offer: offer.clone(), scores: ranked.scores })
        };
        Self {
            trade,
            decided_at,
            quantity: request.quantity(),
            window: request.window(),
            max_price: request.max_price(),
            policy,
            candidates: count(request.candidates().len()),
            eligible: count(ranked.len()),
            best: ranked.iter().take(MOST_KEPT).filter_map(matched).collect(),
        }
    }
}
