//! What a callback tells, and what is looked up for it: who sells, and how the offers rank for what the buyer wanted.

use p2p_domain::{Energy, TimeWindow};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use super::{BuyerParts, Failed};
use crate::{
    app::App,
    bap::rank::{Wish, listed, rank},
    beckn::{
        Action, Context, Envelope, Fault, Number, Profile, Told, lts_code,
        seed::{catalog::Window, received::ReceivedCatalog},
        told,
    },
    reply::ApiError,
    transaction::Part,
};

/// What the reference ranks for when the buyer did not say how much.
const USUAL_KWH: i64 = 30;

/// What a callback tells, what it adds to the buyer's state, and what its sender is told about it.
pub(super) async fn what_it_adds<'a>(
    app: &App,
    action: Action,
    envelope: &Envelope<'a>,
) -> Result<(Told<'a>, BuyerParts, Map<String, Value>), Failed> {
    let mut own = BuyerParts::default();
    let wanted = match action {
        Action::Discover if envelope.message.is_some() => wanted(app, &envelope.context).await?,
        _ => Wanted::default(),
    };
    if envelope.context.profile == Profile::Lts {
        // A CDS of the network is asked for everything; what is shown is what was looked for.
        own.discovery_criteria = wanted.criteria.clone();
    }
    let told = told(action, envelope, own.discovery_criteria.as_ref().map(|json| json.get()))?;
    let mut answer = Map::new();
    match &told {
        Told::Catalog(catalog) => {
            let ranking = ranked(app, envelope, catalog, wanted).await?;
            own = BuyerParts { discovery_criteria: own.discovery_criteria, ..ranking.0 };
            answer = ranking.1;
        }
        Told::Quote(Some(order)) | Told::Order(order) => {
            answer.insert("order_id".into(), order.id.clone().into());
            if let Some(status) = &order.status {
                answer.insert("order_status".into(), status.clone().into());
            }
            if let Some(name) = &order.fulfillment {
                answer.insert("fulfillment".into(), name.clone().into());
            }
        }
        Told::Quote(None) | Told::Failed(_) => {}
    }
    Ok((told, own, answer))
}

/// A catalog: its sellers, and how it ranks for what the buyer looked for.
async fn ranked(
    app: &App,
    envelope: &Envelope<'_>,
    text: &str,
    wanted: Wanted,
) -> Result<(BuyerParts, Map<String, Value>), Failed> {
    let catalog: ReceivedCatalog<'_> = serde_json::from_str(text).map_err(|e| {
        let why = format!("message.catalog cannot be read: {e}");
        envelope.invalid(Fault::at(lts_code::SCH_SCHEMA_VALIDATION_FAILED, "message.catalog", why))
    })?;
    let wish = wanted.wish.map(|(quantity, window)| Wish { quantity, window, decides: None });
    let offers = listed(&catalog);
    let ranking = rank(&app.services, &catalog, &offers, wish).await?;
    let own = BuyerParts {
        providers: Some(ranking.providers()?),
        matching_results: Some(ranking.results()?),
        ..BuyerParts::default()
    };
    let items = catalog.providers.iter().map(|provider| provider.items.len()).sum::<usize>();
    let offers = catalog.providers.iter().flat_map(|p| &p.items).map(|item| item.offers.len()).sum::<usize>();
    let answer = Map::from_iter([
        ("providers".to_owned(), Value::from(catalog.providers.len())),
        ("items".to_owned(), Value::from(items)),
        ("offers".to_owned(), Value::from(offers)),
        ("bestMatch".to_owned(), ranking.best().unwrap_or(Value::Null)),
    ]);
    Ok((own, answer))
}

/// The buyer's criteria, as far as something can be ranked for them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Criteria {
    min_quantity: Option<Number>,
    time_window: Option<Window>,
}

/// What the catalog was asked for with.
#[derive(Default)]
struct Wanted {
    /// To the letter.
    criteria: Option<Box<RawValue>>,
    /// How much, and when, where it can be ranked for.
    wish: Option<(Energy, TimeWindow)>,
}

async fn wanted(app: &App, context: &Context) -> Result<Wanted, ApiError> {
    let transaction = &context.transaction_id;
    let cached = app.transactions.load(transaction).await?;
    let state = match cached.head().is_some_and(|head| head.awaits(context.message_id.as_str())) {
        true => cached,
        false => app.transactions.newer(transaction, &cached).await?.unwrap_or(cached),
    };
    let text = state.part(Part::Criteria);
    let criteria = text.and_then(|json| serde_json::from_str::<Criteria>(json).ok());
    let wish = criteria.and_then(|criteria| {
        let window = TimeWindow::try_from(criteria.time_window.as_ref()?).ok()?;
        let least = criteria.min_quantity.and_then(|least| Energy::from_kwh(least.0).ok());
        let usual = Energy::from_wh(USUAL_KWH * Energy::KWH.wh()).ok();
        Some((least.filter(|least| !least.is_zero()).or(usual)?, window))
    });
    let criteria = text.and_then(|json| RawValue::from_string(json.to_owned()).ok());
    Ok(Wanted { criteria, wish })
}
