//! Ranks the offers of a transaction's catalog, and tells who sells in it.

use std::collections::BTreeMap;

use p2p_domain::{Energy, Money, OfferId, ProviderId, TimeWindow};
use p2p_proto::matching::{Candidate, GetTrustRequest, RankOffersRequest, RankedOffer, Trust};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::value::RawValue;

use super::request::raw;
use crate::{
    beckn::seed::catalog::{ReceivedCatalog, ReceivedOffer},
    reply::ApiError,
    services::Services,
};

/// The sellers of a catalog, and its offers best first.
pub(super) struct Ranking<'a> {
    catalog: &'a ReceivedCatalog<'a>,
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

/// An offer of a catalog with its text, if it can be bought.
pub(super) fn find<'a>(catalog: &ReceivedCatalog<'a>, id: &str) -> Option<(&'a RawValue, ReceivedOffer)> {
    offers(catalog).find(|(_, offer)| offer.id == id)
}

/// The offers that can be read; a foreign catalog may hold others.
fn offers<'c, 'a>(
    catalog: &'c ReceivedCatalog<'a>,
) -> impl Iterator<Item = (&'a RawValue, ReceivedOffer)> + 'c {
    let raws = catalog.providers.iter().flat_map(|p| &p.items).flat_map(|item| &item.offers);
    raws.filter_map(|raw| Some((*raw, serde_json::from_str(raw.get()).ok()?)))
}

/// Ranks for a quantity and a window; without them only the sellers are looked up.
///
/// # Errors
/// When the matching service does not answer.
pub(super) async fn rank<'a>(
    services: &Services,
    catalog: &'a ReceivedCatalog<'a>,
    wanted: Option<(Energy, TimeWindow)>,
) -> Result<Ranking<'a>, tonic::Status> {
    let (ranked, trust) = match wanted {
        Some((quantity, window)) => {
            let request = RankOffersRequest {
                quantity_wh: quantity.wh(),
                window: Some(window.into()),
                max_price_per_kwh: None,
                candidates: candidates(catalog),
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
    Ok(Ranking { catalog, ranked, providers: providers.collect(), asked: wanted.is_some() })
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
fn candidates(catalog: &ReceivedCatalog<'_>) -> Vec<Candidate> {
    let readable = offers(catalog).filter_map(|(_, offer)| {
        OfferId::parse(&offer.id).ok()?;
        ProviderId::parse(&offer.provider_id).ok()?;
        let price = Money::try_from(offer.price).ok().filter(|price| price.amount() > Decimal::ZERO)?;
        let window = TimeWindow::try_from(&offer.window).ok()?;
        let available = Energy::from_kwh(offer.max_quantity.0).ok()?;
        Some((offer.id, offer.provider_id, price, available, window))
    });
    let readable: Vec<_> = readable.collect();
    let currency = readable.first().map(|(_, _, price, _, _)| price.currency());
    let comparable = readable.into_iter().filter(|(_, _, price, _, _)| Some(price.currency()) == currency);
    comparable
        .map(|(offer_id, provider_id, price, available, window)| Candidate {
            offer_id,
            provider_id,
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
        if !self.asked || self.catalog.providers.is_empty() {
            return raw(&());
        }
        let texts: BTreeMap<String, &RawValue> =
            offers(self.catalog).map(|(raw, offer)| (offer.id, raw)).collect();
        let owners: BTreeMap<String, String> =
            offers(self.catalog).map(|(_, offer)| (offer.id, offer.provider_id)).collect();
        let all = self.ranked.iter().filter_map(|ranked| {
            Some(Match {
                offer: texts.get(&ranked.offer_id)?,
                provider: owners.get(&ranked.offer_id).and_then(|id| self.providers.get(id)),
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
