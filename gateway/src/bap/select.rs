//! `POST /api/select`: by hand, or the best match.

use axum::{extract::State, response::Response};
use p2p_domain::{Energy, ProviderId};
use p2p_proto::matching::Trade;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    callback::BuyerParts,
    discover::window,
    rank::{Breakdown, Listed, Wish, listed, rank},
    request::{Build, Outgoing, known_id, raw},
};
use crate::{
    access::Buyer,
    app::App,
    beckn::{
        Action, Number, Selection, Wanted, quantity,
        seed::{catalog::Price, received::ReceivedCatalog},
    },
    reply::{ApiError, JsonBody},
    transaction::{Loaded, Part},
};

const NO_CATALOG: &str = "No catalog found for transaction. Run discover first.";

/// What the client chooses.
#[derive(Debug, Deserialize)]
pub struct Select {
    transaction_id: Option<String>,
    offer_id: Option<String>,
    quantity: Option<Box<RawValue>>,
    #[serde(rename = "autoMatch", default)]
    auto_match: bool,
    #[serde(rename = "requestedTimeWindow")]
    window: Option<Box<RawValue>>,
}

/// What was chosen, and why.
#[derive(Serialize)]
pub(super) struct Chosen {
    selected_offer: SelectedOffer,
    #[serde(skip_serializing_if = "Option::is_none")]
    matching: Option<Matching>,
}

#[derive(Serialize)]
struct SelectedOffer {
    id: String,
    provider_id: String,
    price: Price,
    quantity: Number,
}

#[derive(Serialize)]
struct Matching {
    score: f64,
    breakdown: Breakdown,
    #[serde(rename = "alternativeOffers")]
    alternative_offers: usize,
}

/// Asks the seller for a price of what was chosen; the answer comes as on_select.
pub async fn select(
    State(app): State<App>,
    buyer: Buyer,
    JsonBody(asked): JsonBody<Select>,
) -> Result<Response, ApiError> {
    let transaction_id =
        known_id(asked.transaction_id.as_deref()).ok_or_else(|| ApiError::bad_request(NO_CATALOG))?;
    app.request(&buyer, &transaction_id, &asked).await
}

impl Build for Select {
    type With = Chosen;

    async fn build(&self, app: &App, state: &Loaded) -> Result<(Outgoing, Chosen), ApiError> {
        choose(app, self, state).await
    }
}

async fn choose(app: &App, asked: &Select, state: &Loaded) -> Result<(Outgoing, Chosen), ApiError> {
    let catalog = state.part(Part::Catalog).ok_or_else(|| ApiError::bad_request(NO_CATALOG))?;
    let catalog: ReceivedCatalog<'_> =
        serde_json::from_str(catalog).map_err(|_unreadable| ApiError::bad_request(NO_CATALOG))?;
    let wanted = window("requestedTimeWindow", asked.window.as_deref())?.map(|(_, span)| span);
    let offers = listed(&catalog);
    match (asked.auto_match, wanted, &asked.offer_id) {
        (true, Some(window), _) => {
            let decides = Some(trade(app, asked));
            best(app, &catalog, &offers, Wish { quantity: kwh(asked)?, window, decides }).await
        }
        (_, _, Some(offer_id)) => by_hand(&offers, offer_id, kwh(asked)?),
        _ => Err(ApiError::bad_request("Either offer_id or autoMatch with requestedTimeWindow is required")),
    }
}

fn kwh(asked: &Select) -> Result<Energy, ApiError> {
    quantity(asked.quantity.as_deref()).map_err(ApiError::bad_request)
}

/// For which the best offer is taken.
fn trade(app: &App, asked: &Select) -> Trade {
    Trade {
        bap_id: app.config.identity.bap_id.to_string(),
        transaction_id: asked.transaction_id.clone().unwrap_or_default(),
    }
}

async fn best(
    app: &App,
    catalog: &ReceivedCatalog<'_>,
    offers: &[Listed<'_>],
    wish: Wish,
) -> Result<(Outgoing, Chosen), ApiError> {
    let quantity = wish.quantity;
    let ranking = rank(&app.services, catalog, offers, Some(wish)).await?;
    let results = ranking.results()?;
    let Some(best) = ranking.ranked.first() else {
        let why = "No offers match the criteria (time window, quantity, or trust threshold)";
        return Err(ApiError::bad_request(why).with("allOffers", 0));
    };
    let chosen =
        offers.iter().find(|listed| listed.offer.id == best.offer_id).ok_or_else(ApiError::internal)?;
    let matching =
        Matching { score: best.score, breakdown: best.into(), alternative_offers: ranking.ranked.len() };
    selection(chosen, quantity, Some((matching, results)))
}

fn by_hand(offers: &[Listed<'_>], id: &str, quantity: Energy) -> Result<(Outgoing, Chosen), ApiError> {
    let unknown = || ApiError::bad_request(format!("Offer {id} not found in catalog"));
    selection(offers.iter().find(|listed| listed.offer.id == id).ok_or_else(unknown)?, quantity, None)
}

fn selection(
    Listed { text, offer, item_id }: &Listed<'_>,
    quantity: Energy,
    matching: Option<(Matching, Box<RawValue>)>,
) -> Result<(Outgoing, Chosen), ApiError> {
    let seller = offer.offered.seller().map_err(|e| ApiError::bad_request(e.to_string()))?;
    let provider_id = ProviderId::parse(&offer.offered.provider_id);
    let wanted = Wanted::Select(Selection {
        offer: (*text).to_owned(),
        offer_id: offer.id.clone(),
        item_id: (*item_id).to_owned(),
        provider_id: provider_id.map_err(|e| ApiError::bad_request(e.to_string()))?,
        quantity,
    });
    let (matching, results) = matching.unzip();
    let outgoing = Outgoing {
        action: Action::Select,
        seller: Some(seller),
        wanted,
        parts: BuyerParts {
            selected_offer: Some((*text).to_owned()),
            selected_quantity: Some(raw(&Number::from(quantity))?),
            matching_results: results,
            ..BuyerParts::default()
        },
    };
    let selected_offer = SelectedOffer {
        id: offer.id.clone(),
        provider_id: offer.offered.provider_id.clone(),
        price: offer.price.clone(),
        quantity: quantity.into(),
    };
    Ok((outgoing, Chosen { selected_offer, matching }))
}
