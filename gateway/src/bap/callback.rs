//! Callbacks to the buyer's side: recorded once, applied to the buyer's state, answered.

use axum::response::Response;
use chrono::{DateTime, Utc};
use p2p_domain::{Energy, TimeWindow};
use p2p_proto::{
    order::{Outcome, ReceivedMessage, RecordRequest, Verdict},
    timestamp,
};
use p2p_runtime::{
    failpoint,
    trace::{self, FutureExt},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use super::rank::{Wish, listed, rank};
use crate::{
    app::App,
    beckn::{
        Action, Context, Envelope, Invalid, Number,
        seed::{catalog::Window, order::ReceivedOrder, received::ReceivedCatalog},
    },
    observe::{facts, in_trade},
    reply::{ApiError, json},
    transaction::{Heard, Message, OrderHead, Part, Progress, Step, Text, Way},
};

/// Who sends on_discover.
const CDS: &str = "cds";
/// What the reference ranks for when the buyer did not say how much.
const USUAL_KWH: i64 = 30;

/// What a step adds to the buyer's state beside the message itself: kept with its event, for rebuilding.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BuyerParts {
    /// When the buyer's side sent or heard the message, by this program's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// What was looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery_criteria: Option<Box<RawValue>>,
    /// Who sells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub providers: Option<Box<RawValue>>,
    /// How the offers rank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matching_results: Option<Box<RawValue>>,
    /// What was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected_offer: Option<Box<RawValue>>,
    /// How much of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected_quantity: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct CatalogMessage<'a> {
    #[serde(borrow)]
    catalog: &'a RawValue,
}

#[derive(Deserialize)]
struct OrderMessage<'a> {
    #[serde(borrow)]
    order: &'a RawValue,
    #[serde(borrow, default)]
    fulfillment: Option<&'a RawValue>,
}

/// What a callback says to the buyer.
///
/// # Errors
/// When it is not what the action says.
pub fn heard(action: Action, envelope: &Envelope<'_>, own: &BuyerParts) -> Result<Heard, Invalid> {
    if let Some(error) = envelope.error.clone().filter(|_| envelope.message.is_none()) {
        return Ok(Heard::Failed(error));
    }
    let text =
        |raw: &Option<Box<RawValue>>, none: &str| Text::from(raw.as_ref().map_or(none, |raw| raw.get()));
    Ok(match action {
        Action::Discover => {
            let message: CatalogMessage<'_> = envelope.message()?;
            Heard::Catalog {
                catalog: message.catalog.get().into(),
                providers: text(&own.providers, "{}"),
                matching: text(&own.matching_results, "null"),
            }
        }
        Action::Select => {
            envelope.message::<OrderMessage<'_>>()?;
            Heard::Quote
        }
        Action::Init | Action::Confirm | Action::Status | Action::Cancel => {
            let message: OrderMessage<'_> = envelope.message()?;
            let order = received_order(envelope, message.order)?;
            let progress = Progress::of(order.status.as_deref().unwrap_or_default());
            Heard::Order { order: message.order.get().into(), head: OrderHead { id: order.id, progress } }
        }
    })
}

fn received_order(envelope: &Envelope<'_>, order: &RawValue) -> Result<ReceivedOrder, Invalid> {
    serde_json::from_str(order.get()).map_err(|e| Invalid {
        context: Some(envelope.raw_context.to_owned()),
        why: format!("message.order cannot be read: {e}"),
    })
}

/// Receives a callback.
pub async fn receive(app: App, action: Action, body: String) -> Result<Response, ApiError> {
    let envelope =
        Envelope::read(&body, action.callback()).map_err(|invalid| ApiError::bad_request(invalid.why))?;
    let context = in_trade(&envelope.context.transaction_id, || facts(&envelope.context));
    Ok(json(&take(&app, action, &envelope, &body).with_context(context).await?))
}

async fn take(app: &App, action: Action, envelope: &Envelope<'_>, body: &str) -> Result<Value, ApiError> {
    let context = &envelope.context;
    if context.bap_id != app.config.identity.bap_id {
        tracing::warn!(bap_id = %context.bap_id, message_id = %context.message_id, "a callback for another BAP");
        return Ok(serde_json::json!({ "status": "ok", "message": "not addressed to this BAP, ignored" }));
    }
    let (mut own, mut answer) = what_it_adds(app, action, envelope).await?;
    let sender = context.bpp_id.as_ref().map_or(CDS, |id| id.as_str());
    let now = app.clock.now();
    own.at = Some(now);
    // Before it is recorded: what cannot be parsed is refused.
    let heard = heard(action, envelope, &own).map_err(|invalid| ApiError::bad_request(invalid.why))?;
    let request = RecordRequest {
        gateway: Some(app.exchange.gateway()?),
        message: Some(ReceivedMessage {
            sender: sender.to_owned(),
            action: context.action.clone(),
            message_id: context.message_id.to_string(),
            bap_id: context.bap_id.to_string(),
            transaction_id: context.transaction_id.to_string(),
            body: body.to_owned(),
            traceparent: trace::traceparent(),
            authorization: String::new(),
        }),
        verdict: Some(Verdict { refusal: None, timestamp: Some(timestamp(now)) }),
        buyer_json: serde_json::to_string(&own).map_err(|_e| ApiError::internal())?,
        ..RecordRequest::default()
    };
    failpoint!("gateway.callback.{action}.read");
    let recorded = app.services.mailbox.clone().record(request).await?.into_inner();
    failpoint!("gateway.callback.{action}.recorded");
    if recorded.outcome() != Outcome::Accepted {
        answer = Map::from_iter([("message".to_owned(), Value::from("duplicate ignored"))]);
    }
    if recorded.outcome() != Outcome::Conflict {
        let message = Message::of(context, action, now);
        let step = Step::Callback(message, heard);
        app.transactions.apply(&context.transaction_id, recorded.buyer_seq, &step).await;
    }
    failpoint!("gateway.callback.{action}.applied");
    app.transactions.note(Way::Inbound, context.message_id.as_str(), &context.action, now);
    tracing::info!(
        action = context.action,
        transaction_id = %context.transaction_id,
        message_id = %context.message_id,
        outcome = recorded.outcome().as_str_name(),
        failed = envelope.error.is_some(),
        "heard"
    );
    let mut whole = Map::from_iter([("status".to_owned(), Value::from("ok"))]);
    whole.extend(answer);
    Ok(whole.into())
}

/// What a callback adds to the buyer's state, and what its sender is told about it.
async fn what_it_adds(
    app: &App,
    action: Action,
    envelope: &Envelope<'_>,
) -> Result<(BuyerParts, Map<String, Value>), ApiError> {
    if envelope.message.is_none() {
        return Ok((BuyerParts::default(), Map::new()));
    }
    if action == Action::Discover {
        return found(app, envelope).await;
    }
    let bad = |invalid: Invalid| ApiError::bad_request(invalid.why);
    let message: OrderMessage<'_> = envelope.message().map_err(bad)?;
    let mut answer = Map::new();
    if let Ok(order) = received_order(envelope, message.order) {
        answer.insert("order_id".into(), order.id.into());
        if let Some(status) = order.status {
            answer.insert("order_status".into(), status.into());
        }
    }
    let name = |raw: &RawValue| {
        let fulfillment: Value = serde_json::from_str(raw.get()).ok()?;
        Some(fulfillment.pointer("/state/descriptor/name")?.clone())
    };
    if let Some(name) = message.fulfillment.and_then(name) {
        answer.insert("fulfillment".into(), name);
    }
    Ok((BuyerParts::default(), answer))
}

/// A catalog: its sellers, and how it ranks for what the buyer looked for.
async fn found(app: &App, envelope: &Envelope<'_>) -> Result<(BuyerParts, Map<String, Value>), ApiError> {
    let unreadable = |why: String| ApiError::bad_request(why);
    let message: CatalogMessage<'_> = envelope.message().map_err(|invalid| unreadable(invalid.why))?;
    let catalog: ReceivedCatalog<'_> = serde_json::from_str(message.catalog.get())
        .map_err(|e| unreadable(format!("message.catalog cannot be read: {e}")))?;
    let wanted = wanted(app, &envelope.context).await?;
    let wanted = wanted.map(|(quantity, window)| Wish { quantity, window, decides: None });
    let offers = listed(&catalog);
    let ranking = rank(&app.services, &catalog, &offers, wanted).await?;
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
async fn wanted(app: &App, context: &Context) -> Result<Option<(Energy, TimeWindow)>, ApiError> {
    let transaction = &context.transaction_id;
    let cached = app.transactions.load(transaction).await?;
    let state = match cached.head().is_some_and(|head| head.awaits(context.message_id.as_str())) {
        true => cached,
        false => app.transactions.newer(transaction, &cached).await?.unwrap_or(cached),
    };
    let criteria = state.part(Part::Criteria).and_then(|json| serde_json::from_str::<Criteria>(json).ok());
    let wanted = criteria.and_then(|criteria| {
        let window = TimeWindow::try_from(criteria.time_window.as_ref()?).ok()?;
        let least = criteria.min_quantity.and_then(|least| Energy::from_kwh(least.0).ok());
        let usual = Energy::from_wh(USUAL_KWH * Energy::KWH.wh()).ok();
        Some((least.filter(|least| !least.is_zero()).or(usual)?, window))
    });
    Ok(wanted)
}
