//! `POST /sync/offer`, `DELETE /sync/offer/{id}`.

use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use p2p_domain::{Currency, Energy, ItemId, Money, OfferId, ProviderId, TimeWindow};
use p2p_proto::{
    catalog::{GetOffersRequest, Offer, Origin, UpsertOfferRequest, WithdrawOfferRequest},
    common, required,
};
use rust_decimal::Decimal;
use serde::Serialize;

use super::synced;
use crate::{
    app::App,
    fields::{Fields, money},
    named::Named,
    reply::{ApiError, JsonBody, json},
};

const REQUIRED: &str = "id, item_id, and provider_id are required";
const REQUIRED_OF_NEW: &str = "price_value, max_qty, and time_window are required for a new offer";

/// Makes or changes an offer; one that was withdrawn is on sale again.
pub async fn sync(State(app): State<App>, JsonBody(fields): JsonBody<Fields>) -> Result<Response, ApiError> {
    let told = Told::read(&fields, app.clock.now())?;
    let offer = match known(&app, &told.id).await? {
        Some(known) => told.onto(known)?,
        None => told.alone()?,
    };
    let id = offer.id.clone();
    let request = UpsertOfferRequest { offer: Some(offer), must_be_new: false };
    app.services.catalog.clone().upsert_offer(request).await?;
    Ok(synced("offer", id))
}

/// The offer as far as it is known.
async fn known(app: &App, id: &OfferId) -> Result<Option<Offer>, ApiError> {
    let request = GetOffersRequest { offer_ids: vec![id.to_string()] };
    Ok(app.services.catalog.clone().get_offers(request).await?.into_inner().offers.pop())
}

#[derive(Serialize)]
struct Deleted {
    status: &'static str,
    deleted: &'static str,
    id: String,
}

/// Takes an offer off sale; what is held or sold of it stays so.
pub async fn withdraw(State(app): State<App>, Named(id): Named<OfferId>) -> Result<Response, ApiError> {
    let request = WithdrawOfferRequest {
        offer_id: id.to_string(),
        origin: Origin::Sync.into(),
        provider_id: String::new(),
    };
    app.services.catalog.clone().withdraw_offer(request).await?;
    Ok(json(&Deleted { status: "ok", deleted: "offer", id: id.into() }))
}

/// What is told of an offer.
struct Told {
    id: OfferId,
    item: ItemId,
    provider: ProviderId,
    price: Option<Decimal>,
    currency: Option<Currency>,
    total: Option<Energy>,
    window: Option<TimeWindow>,
    pricing_model: Option<String>,
    settlement_type: Option<String>,
}

impl Told {
    fn read(fields: &Fields, now: DateTime<Utc>) -> Result<Self, ApiError> {
        let missing = || ApiError::bad_request(REQUIRED);
        let attributes = match fields.object("offer_attributes")? {
            Some(attributes) => Some(attributes),
            None => fields.object("offerAttributes")?,
        };
        let attribute = |name| attributes.as_ref().map(|given| given.word(name)).transpose();
        Ok(Self {
            id: fields.id("id")?.ok_or_else(missing)?,
            item: fields.id("item_id")?.ok_or_else(missing)?,
            provider: fields.id("provider_id")?.ok_or_else(missing)?,
            price: fields.price("price_value")?,
            currency: fields.currency("currency")?,
            total: fields.whole_kwh("max_qty")?,
            window: fields.window_to_come("time_window", now)?,
            pricing_model: attribute("pricingModel")?.flatten(),
            settlement_type: attribute("settlementType")?.flatten(),
        })
    }

    /// A new offer.
    fn alone(self) -> Result<Offer, ApiError> {
        let missing = || ApiError::bad_request(REQUIRED_OF_NEW);
        let price = money(self.price.ok_or_else(missing)?, self.currency.unwrap_or(Currency::USD))?;
        let (total, window) = (self.total.ok_or_else(missing)?, self.window.ok_or_else(missing)?);
        Ok(self.with(price.into(), total.wh(), Some(window.into()), Offer::default()))
    }

    /// What is told, over what is known.
    fn onto(self, known: Offer) -> Result<Offer, ApiError> {
        let before = Money::try_from(required(known.price_per_kwh.clone(), "price_per_kwh")?)?;
        let currency = self.currency.unwrap_or(before.currency());
        let price = money(self.price.unwrap_or(before.amount()), currency)?;
        let total = self.total.map_or(known.total_wh, Energy::wh);
        let window = self.window.map(Into::into).or(known.window);
        Ok(self.with(price.into(), total, window, known))
    }

    fn with(
        self,
        price: common::Money,
        total_wh: i64,
        window: Option<common::TimeWindow>,
        known: Offer,
    ) -> Offer {
        Offer {
            id: self.id.into(),
            item_id: self.item.into(),
            provider_id: self.provider.into(),
            price_per_kwh: Some(price),
            block_wh: known.block_wh,
            total_wh,
            window,
            pricing_model: self.pricing_model.unwrap_or(known.pricing_model),
            settlement_type: self.settlement_type.unwrap_or(known.settlement_type),
            origin: Origin::Sync.into(),
            published: known.published,
            ..Offer::default()
        }
    }
}
