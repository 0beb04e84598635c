//! Ranks the offers of a transaction's catalog, and tells who sells in it.

use std::collections::BTreeMap;

use p2p_domain::{Energy, Money, OfferId, ProviderId, TimeWindow};
use p2p_proto::matching::{Candidate, GetTrustRequest, RankOffersRequest, RankedOffer, Trade, Trust};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::value::RawValue;

use super::request::raw;
use crate::{
    beckn::seed::received::{ReceivedCatalog, ReceivedOffer},
    reply::ApiError,
    services::Services,
};

/// The sellers of a catalog, and its offers best first.
pub(super) struct Ranking<'a> {
    offers: &'a [Listed<'a>],
    /// Best first; empty when nothing qualifies or nothing was ranked.
    pub ranked: Vec<RankedOffer>,
    providers: BTreeMap<String, Provider>,
    /// Whether there was a window to rank for.
    asked: bool,
}

/// A provider as the buyer's state shows it.
#[derive(Debug, Clone, Serialize)]
struct Provider {
    id: String,
    name: String,
    trust_score: f64,
    total_orders: i64,
    successful_orders: i64,
}

/// Why an offer scores as it does.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Breakdown {
    price_score: f64,
    trust_score: f64,
    time_window_fit_score: f64,
}

impl From<&RankedOffer> for Breakdown {
    fn from(ranked: &RankedOffer) -> Self {
        Self {
            price_score: ranked.price_score,
            trust_score: ranked.trust_score,
            time_window_fit_score: ranked.time_fit_score,
        }
    }
}

#[derive(Serialize)]
struct Results<'a> {
    #[serde(rename = "selectedOffer")]
    selected: Option<&'a Match<'a>>,
    #[serde(rename = "allOffers")]
    all: &'a [Match<'a>],
}

#[derive(Serialize)]
struct Match<'a> {
    offer: &'a RawValue,
    provider: Option<&'a Provider>,
    score: f64,
    breakdown: Breakdown,
}

/// An offer of a received catalog.
pub(super) struct Listed<'a> {
    /// To the letter.
    pub text: &'a RawValue,
    /// As far as it decides anything.
    pub offer: ReceivedOffer,
    /// The item under which it stands.
    pub item_id: &'a str,
}

/// The offers that can be read; a foreign catalog may hold others.
pub(super) fn listed<'c, 'a: 'c>(catalog: &'c ReceivedCatalog<'a>) -> Vec<Listed<'c>> {
    let items = catalog.providers.iter().flat_map(|provider| &provider.items);
    let texts = items.flat_map(|item| item.offers.iter().map(|text| (item.id.as_str(), *text)));
    let readable = texts.filter_map(|(item_id, text)| {
        Some(Listed { text, offer: serde_json::from_str(text.get()).ok()?, item_id })
    });
    readable.collect()
}

/// What offers are ranked for.
pub(super) struct Wish {
    /// So much is wanted.
    pub quantity: Energy,
    /// Then.
    pub window: TimeWindow,
    /// The trade that takes the best offer; none for a mere look.
    pub decides: Option<Trade>,
}

/// Ranks for a wish; without one only the sellers are looked up.
///
/// # Errors
/// When the matching service does not answer.
pub(super) async fn rank<'a>(
    services: &Services,
    catalog: &ReceivedCatalog<'_>,
    offers: &'a [Listed<'a>],
    wanted: Option<Wish>,
) -> Result<Ranking<'a>, tonic::Status> {
    let asked = wanted.is_some();
    let (ranked, trust) = match wanted {
        Some(Wish { quantity, window, decides }) => {
            let request = RankOffersRequest {
                quantity_wh: quantity.wh(),
                window: Some(window.into()),
                max_price_per_kwh: None,
                candidates: candidates(offers),
                decides,
            };
            let answer = services.matching.clone().rank_offers(request).await?.into_inner();
            (answer.ranked, answer.trust)
        }
        None => (Vec::new(), Vec::new()),
    };
    let known: Vec<&str> = trust.iter().map(|trust| trust.provider_id.as_str()).collect();
    let provider_ids: Vec<String> =
        catalog.providers.iter().map(|p| p.id.clone()).filter(|id| !known.contains(&id.as_str())).collect();
    let others = match provider_ids.is_empty() {
        true => Vec::new(),
        false => {
            services.matching.clone().get_trust(GetTrustRequest { provider_ids }).await?.into_inner().trust
        }
    };
    let providers =
        trust.into_iter().chain(others).map(|trust| (trust.provider_id.clone(), provider(catalog, trust)));
    Ok(Ranking { offers, ranked, providers: providers.collect(), asked })
}

fn provider(catalog: &ReceivedCatalog<'_>, trust: Trust) -> Provider {
    let listed = catalog.providers.iter().find(|provider| provider.id == trust.provider_id);
    let name =
        listed.and_then(|provider| provider.descriptor.as_ref()).map(|descriptor| descriptor.name.clone());
    Provider {
        name: name.unwrap_or_else(|| trust.provider_id.clone()),
        id: trust.provider_id,
        trust_score: trust.score,
        total_orders: trust.total_orders,
        successful_orders: trust.successful_orders,
    }
}

/// What can be compared: offers that can be bought, in the currency of the first one.
fn candidates(offers: &[Listed<'_>]) -> Vec<Candidate> {
    let readable = offers.iter().filter_map(|Listed { offer, .. }| {
        OfferId::parse(&offer.id).ok()?;
        ProviderId::parse(&offer.offered.provider_id).ok()?;
        let price = Money::try_from(&offer.price).ok().filter(|price| price.amount() > Decimal::ZERO)?;
        let window = TimeWindow::try_from(&offer.window).ok()?;
        let available = Energy::from_kwh(offer.max_quantity.0).ok()?;
        Some((offer, price, available, window))
    });
    let readable: Vec<_> = readable.collect();
    let currency = readable.first().map(|(_, price, _, _)| price.currency());
    let comparable = readable.into_iter().filter(|(_, price, _, _)| Some(price.currency()) == currency);
    comparable
        .map(|(offer, price, available, window)| Candidate {
            offer_id: offer.id.clone(),
            provider_id: offer.offered.provider_id.clone(),
            price_per_kwh: Some(price.into()),
            available_wh: available.wh(),
            window: Some(window.into()),
        })
        .collect()
}

impl Ranking<'_> {
    /// `providers`: provider id -> provider.
    pub fn providers(&self) -> Result<Box<RawValue>, ApiError> {
        raw(&self.providers)
    }

    /// `matchingResults`; `null` when there was nothing to rank for, or nothing to rank.
    pub fn results(&self) -> Result<Box<RawValue>, ApiError> {
        if !self.asked || self.offers.is_empty() {
            return raw(&());
        }
        let by_id: BTreeMap<&str, &Listed<'_>> =
            self.offers.iter().map(|listed| (listed.offer.id.as_str(), listed)).collect();
        let all = self.ranked.iter().filter_map(|ranked| {
            let listed = by_id.get(ranked.offer_id.as_str())?;
            Some(Match {
                offer: listed.text,
                provider: self.providers.get(&listed.offer.offered.provider_id),
                score: ranked.score,
                breakdown: ranked.into(),
            })
        });
        let all: Vec<_> = all.collect();
        raw(&Results { selected: all.first(), all: &all })
    }

    /// The best match, as the answer to on_discover tells it.
    pub fn best(&self) -> Option<serde_json::Value> {
        let best = self.ranked.first()?;
        let breakdown = Breakdown::from(best);
        Some(serde_json::json!({ "offer_id": best.offer_id, "score": best.score, "breakdown": breakdown }))
    }
}
