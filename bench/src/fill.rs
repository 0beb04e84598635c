//! Puts up stock: 20 offers with 5,000 kWh free each.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context;
use chrono::{Days, NaiveDate};
use p2p_domain::{Energy, Money, TimeWindow};
use p2p_proto::catalog::{
    GetOffersRequest, Item, Offer, Provider, UpsertItemRequest, UpsertOfferRequest, UpsertProviderRequest,
    catalog_service_client::CatalogServiceClient,
};
use p2p_runtime::{
    Env,
    grpc::{Between, DeadlineChannel, Service, channel},
};
use rust_decimal::Decimal;
use tonic::Status;

const OFFERS: i64 = 20;
const PROVIDERS: i64 = 5;
const FREE_KWH: i64 = 5_000;
const DEADLINE: Duration = Duration::from_secs(5);

/// Makes providers, items and offers, or adds to the totals of those that are there until so much is free again.
///
/// # Errors
/// When the catalog service refuses or does not answer.
pub async fn fill(catalog: SocketAddr, today: NaiveDate) -> anyhow::Result<()> {
    let between = Between::from_env(&Env::load()?)?;
    let channel = channel(&between, Service::Catalog, catalog.into(), DEADLINE)?;
    let mut catalog = CatalogServiceClient::new(channel);
    let window = window(today).context("no such day")?;
    for n in 0..PROVIDERS {
        sells(&mut catalog, &provider(n)).await?;
    }
    for n in 0..OFFERS {
        one(&mut catalog, n, window).await.with_context(|| format!("offer {n}"))?;
    }
    println!("filled: {OFFERS} offers with {FREE_KWH} kWh free each");
    Ok(())
}

fn provider(n: i64) -> String {
    format!("bench-provider-{}", n % PROVIDERS)
}

/// Makes a provider.
///
/// # Errors
/// When the catalog service refuses or does not answer.
pub async fn sells(catalog: &mut CatalogServiceClient<DeadlineChannel>, id: &str) -> Result<(), Status> {
    let provider = Provider { id: id.to_owned(), name: id.to_owned(), ..Default::default() };
    let request = UpsertProviderRequest { provider: Some(provider), must_be_new: false };
    catalog.upsert_provider(request).await.map(drop)
}

/// Tomorrow from 10:00 to 16:00.
pub fn window(today: NaiveDate) -> Option<TimeWindow> {
    let day = today.checked_add_days(Days::new(1))?;
    let at = |hour| Some(day.and_hms_opt(hour, 0, 0)?.and_utc());
    TimeWindow::new(at(10)?, at(16)?).ok()
}

async fn one(
    catalog: &mut CatalogServiceClient<DeadlineChannel>,
    n: i64,
    window: TimeWindow,
) -> anyhow::Result<()> {
    let id = offer_id(&format!("{n:02}"));
    let known = catalog.get_offers(GetOffersRequest { offer_ids: vec![id.clone()] }).await?.into_inner();
    let committed = known.offers.first().map_or(0, |offer| offer.reserved_wh + offer.sold_wh);
    let free_wh = FREE_KWH * Energy::KWH.wh();
    put_up(catalog, &format!("{n:02}"), &provider(n), Decimal::new(30 + n, 3), committed + free_wh, window)
        .await
}

/// The id of what is put up under this name.
pub fn offer_id(name: &str) -> String {
    format!("bench-offer-{name}")
}

/// Makes an offer and its item of so much in all, or changes them.
///
/// # Errors
/// When the catalog service refuses or does not answer.
pub async fn put_up(
    catalog: &mut CatalogServiceClient<DeadlineChannel>,
    name: &str,
    provider: &str,
    price: Decimal,
    total_wh: i64,
    window: TimeWindow,
) -> anyhow::Result<()> {
    let item = Item {
        id: format!("bench-item-{name}"),
        provider_id: provider.to_owned(),
        source_type: "SOLAR".into(),
        delivery_mode: "SCHEDULED".into(),
        meter_id: format!("bench-meter-{name}"),
        production_windows: vec![window.into()],
        total_wh,
        ..Item::default()
    };
    let offer = Offer {
        id: offer_id(name),
        item_id: item.id.clone(),
        provider_id: item.provider_id.clone(),
        price_per_kwh: Some(Money::new(price, "USD".parse()?)?.into()),
        total_wh,
        window: Some(window.into()),
        pricing_model: "PER_KWH".into(),
        settlement_type: "DAILY".into(),
        ..Offer::default()
    };
    catalog.upsert_item(UpsertItemRequest { item: Some(item), must_be_new: false }).await?;
    catalog.upsert_offer(UpsertOfferRequest { offer: Some(offer), must_be_new: false }).await?;
    Ok(())
}
