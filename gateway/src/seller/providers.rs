//! `POST /seller/register`, `GET /seller/providers[/{id}]`.

use std::collections::HashMap;

use axum::{extract::State, response::Response};
use p2p_domain::ProviderId;
use p2p_proto::{
    catalog::{
        self as proto, ListItemsRequest, ListOffersRequest, ListProvidersRequest, Origin,
        UpsertProviderRequest,
    },
    matching::{GetTrustRequest, Trust},
    required,
};
use serde::Serialize;

use super::{items::Item, new_id, next, offers::Listed, under_a_new_id};
use crate::{
    access::{Auth, Kind, Seller, shown_once},
    app::App,
    fields::Fields,
    named::{Named, Noun},
    reply::{ApiError, JsonBody, PageQuery, json},
};

/// What the key that comes with a registration is called.
const FIRST_KEY: &str = "registration";

/// A provider as sellers see it.
#[derive(Serialize)]
struct Provider {
    id: String,
    name: String,
    trust_score: f64,
    total_orders: i64,
    successful_orders: i64,
}

#[derive(Serialize)]
struct Registered {
    status: &'static str,
    provider: Provider,
    /// The provider's first key, shown here and never again; none without keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<String>,
}

/// Makes a provider, in whom trust is as in anybody unknown.
pub async fn register(
    State(app): State<App>,
    JsonBody(fields): JsonBody<Fields>,
) -> Result<Response, ApiError> {
    let required_name = || ApiError::bad_request("Provider name is required");
    let name = fields.text("name")?.ok_or_else(required_name)?;
    let make = |id| {
        let mut catalog = app.services.catalog.clone();
        let provider = proto::Provider {
            id,
            name: name.clone(),
            origin: Origin::Seller.into(),
            ..proto::Provider::default()
        };
        let request = UpsertProviderRequest { provider: Some(provider), must_be_new: true };
        async move { catalog.upsert_provider(request).await }
    };
    let made = under_a_new_id(|| new_id("provider", 8), make).await?.into_inner();
    let provider = required(made.provider, "provider")?;
    let unknown = Trust::of(provider.id.clone(), p2p_domain::Trust::UNKNOWN);
    let registered =
        |provider, api_key| Registered { status: "ok", provider: Provider::of(provider, &unknown), api_key };
    if app.access.auth() == Auth::Off {
        return Ok(json(&registered(provider, None)));
    }
    let issued = app.access.issue(Kind::Provider, &provider.id, FIRST_KEY.to_owned()).await?;
    Ok(shown_once(&registered(provider, Some(issued.key.expose().to_owned()))))
}

#[derive(Serialize)]
struct Providers {
    providers: Vec<Provider>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Who sells, oldest first; of a provider, itself.
pub async fn list(State(app): State<App>, seller: Seller, page: PageQuery) -> Result<Response, ApiError> {
    let ids = seller.names_or_is(None).into_iter().map(Into::into).collect();
    let request = ListProvidersRequest { ids, page_size: page.size(), cursor: page.cursor };
    let found = app.services.catalog.clone().list_providers(request).await?.into_inner();
    let providers = trusted(&app, found.providers).await?;
    Ok(json(&Providers { providers, next_cursor: next(found.next_cursor) }))
}

#[derive(Serialize)]
struct Whole {
    provider: Provider,
    items: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    items_next_cursor: Option<String>,
    offers: Vec<Listed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offers_next_cursor: Option<String>,
}

/// One provider with the first pages of what it has.
pub async fn show(
    State(app): State<App>,
    seller: Seller,
    Named(id): Named<ProviderId>,
) -> Result<Response, ApiError> {
    let id = seller.names(id);
    let request = ListProvidersRequest { ids: vec![id.to_string()], ..ListProvidersRequest::default() };
    let found = app.services.catalog.clone().list_providers(request).await?.into_inner().providers;
    let items = ListItemsRequest { provider_id: id.to_string(), ..ListItemsRequest::default() };
    let offers = ListOffersRequest { provider_id: id.to_string(), ..ListOffersRequest::default() };
    let (mut for_items, mut for_offers) = (app.services.catalog.clone(), app.services.catalog.clone());
    let provider = async {
        let provider = trusted(&app, found).await?.pop();
        provider.ok_or_else(|| ApiError::not_found(ProviderId::NOT_FOUND))
    };
    let items = async { Ok::<_, ApiError>(for_items.list_items(items).await?.into_inner()) };
    let offers = async { Ok::<_, ApiError>(for_offers.list_offers(offers).await?.into_inner()) };
    let (provider, items, offers) = tokio::try_join!(provider, items, offers)?;
    Ok(json(&Whole {
        provider,
        items: items.items.into_iter().map(Item::of).collect::<Result<_, _>>()?,
        items_next_cursor: next(items.next_cursor),
        offers: offers.offers.iter().map(Listed::of).collect::<Result<_, _>>()?,
        offers_next_cursor: next(offers.next_cursor),
    }))
}

/// Providers with the trust in them, which is asked for once.
async fn trusted(app: &App, providers: Vec<proto::Provider>) -> Result<Vec<Provider>, ApiError> {
    if providers.is_empty() {
        return Ok(Vec::new());
    }
    let request = GetTrustRequest { provider_ids: providers.iter().map(|p| p.id.clone()).collect() };
    let trust = app.services.matching.clone().get_trust(request).await?.into_inner().trust;
    let trust: HashMap<&str, &Trust> =
        trust.iter().map(|trust| (trust.provider_id.as_str(), trust)).collect();
    let with_trust = |provider: proto::Provider| {
        let trust = *required(trust.get(provider.id.as_str()), "trust")?;
        Ok(Provider::of(provider, trust))
    };
    providers.into_iter().map(with_trust).collect()
}

impl Provider {
    fn of(provider: proto::Provider, trust: &Trust) -> Self {
        Self {
            id: provider.id,
            name: provider.name,
            trust_score: trust.score,
            total_orders: trust.total_orders,
            successful_orders: trust.successful_orders,
        }
    }
}
