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
        let provider = Provider { id: provider(n), name: format!("Bench {n}"), ..Default::default() };
        catalog
            .upsert_provider(UpsertProviderRequest { provider: Some(provider), must_be_new: false })
            .await?;
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

fn window(today: NaiveDate) -> Option<TimeWindow> {
    let day = today.checked_add_days(Days::new(1))?;
    let at = |hour| Some(day.and_hms_opt(hour, 0, 0)?.and_utc());
    TimeWindow::new(at(10)?, at(16)?).ok()
}

async fn one(
    catalog: &mut CatalogServiceClient<DeadlineChannel>,
    n: i64,
    window: TimeWindow,
) -> anyhow::Result<()> {
    let id = format!("bench-offer-{n:02}");
    let known = catalog.get_offers(GetOffersRequest { offer_ids: vec![id.clone()] }).await?.into_inner();
    let committed = known.offers.first().map_or(0, |offer| offer.reserved_wh + offer.sold_wh);
    let total_wh = committed + FREE_KWH * Energy::KWH.wh();
    let item = Item {
        id: format!("bench-item-{n:02}"),
        provider_id: provider(n),
        source_type: "SOLAR".into(),
        delivery_mode: "SCHEDULED".into(),
        meter_id: format!("bench-meter-{n:02}"),
        production_windows: vec![window.into()],
        total_wh,
        ..Item::default()
    };
    let price = Decimal::new(30 + n, 3);
    let offer = Offer {
        id,
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
