//! Callbacks as the LTS profile writes them: the contract that was sent, with what we say of it.

use std::collections::BTreeMap;

use p2p_domain::{Energy, Money, ParticipantId, TimeWindow};
use p2p_proto::{
    InvalidMessage,
    order::{self as proto, OrderStatus},
    required,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    catalog::Catalogs,
    context::Wire,
    contract::{Commitment, Contract, Message},
    draft::{Draft, Promise, Stage, promises},
    error::{code, registered},
    published::{Outcome, base},
    series::Slot,
};
use crate::beckn::{Action, Context, ErrorBody, Said};

#[derive(Serialize)]
struct Callback<'a> {
    context: Wire<'a>,
    message: Spoken,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Spoken {
    Catalogs(Catalogs),
    Contract { contract: Box<RawValue> },
    Results { results: Vec<Processed> },
    Nothing {},
}

#[derive(Serialize)]
struct Error<'a> {
    code: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Processed {
    catalog_id: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<PublishError>,
    stats: Stats,
}

#[derive(Serialize)]
struct PublishError {
    code: &'static str,
    message: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    item_count: usize,
}

/// The text of what is answered, as far as it is needed.
#[derive(Deserialize)]
struct Answered<'a> {
    #[serde(borrow)]
    message: Message<'a>,
}

/// A callback's text.
///
/// # Errors
/// When what a service said is not what it should be.
pub fn written(context: &Context, request: &str, said: &Said) -> Result<String, InvalidMessage> {
    let contract =
        || serde_json::from_str::<Answered<'_>>(request).ok().map(|answered| answered.message.contract);
    let bpp = (
        context.bpp_id.as_ref().map(ParticipantId::as_str).unwrap_or_default(),
        context.bpp_uri.as_deref().unwrap_or_default(),
    );
    let message = match said {
        Said::Found(found) => Spoken::Catalogs(Catalogs::of(found, bpp)?),
        Said::Quoted(quote, available) => Spoken::contract(&quoted(contract().as_ref(), quote, available)?),
        Said::Order(order) | Said::Status(order) => Spoken::contract(&ordered(contract().as_ref(), order)?),
        Said::Published(outcomes) => {
            Spoken::Results { results: outcomes.iter().map(Processed::of).collect() }
        }
        Said::Failed(_) => match contract().as_ref().and_then(|contract| failed(contract)) {
            Some(draft) => Spoken::contract(&draft),
            None => Spoken::none(&context.action),
        },
    };
    let action = context.action.parse::<Action>().ok();
    let error = match said {
        Said::Failed(error) => Some(Error::of(error, action)),
        _ => None,
    };
    let callback = Callback { context: Wire::from(context), message, error };
    // Numbers, strings and raw values: nothing here can fail to be written.
    Ok(serde_json::to_string(&callback).unwrap_or_default())
}

impl<'a> Error<'a> {
    fn of(error: &'a ErrorBody, action: Option<Action>) -> Self {
        Self { code: registered(error, action), message: &error.message }
    }
}

impl Spoken {
    fn contract(draft: &Draft<'_>) -> Self {
        Self::Contract { contract: draft.written() }
    }

    /// Of an action whose text has no contract.
    fn none(action: &str) -> Self {
        match Action::answered_by(action) {
            Some(Action::Discover) => Self::Catalogs(Catalogs::default()),
            Some(Action::Publish) => Self::Results { results: Vec::new() },
            _ => Self::Nothing {},
        }
    }
}

impl Processed {
    fn of(outcome: &Outcome) -> Self {
        let status = match (outcome.accepted, outcome.faults.is_empty()) {
            (_, true) => "ACCEPTED",
            (0, false) => "REJECTED",
            (_, false) => "PARTIAL",
        };
        let error = |why: &str| PublishError { code: code::BIZ_PUBLISH_FAILED, message: why.to_owned() };
        Self {
            catalog_id: outcome.catalog_id.clone(),
            status,
            errors: outcome.faults.iter().map(error).collect(),
            stats: Stats { item_count: outcome.accepted },
        }
    }
}

/// What was asked for, as it was asked for; none when it promises nothing.
fn failed<'a>(contract: &Contract<'a>) -> Option<Draft<'a>> {
    let promises = promises(contract);
    (!promises.is_empty()).then(|| Draft {
        id: contract.id().map(str::to_owned),
        stage: Stage::Draft,
        promises,
        amount: None,
        attributes: contract.attributes().map(ToOwned::to_owned),
        participants: contract.participants(),
        terms: None,
    })
}

fn quoted<'a>(
    asked: Option<&Contract<'a>>,
    quote: &proto::Quote,
    available: &BTreeMap<String, Energy>,
) -> Result<Draft<'a>, InvalidMessage> {
    let amount = Money::try_from(required(quote.total.clone(), "quote.total")?)?;
    Ok(Draft {
        id: None,
        stage: Stage::Draft,
        promises: kept(asked, &quote.lines, available)?,
        amount: Some(amount),
        attributes: asked.and_then(Contract::attributes).map(ToOwned::to_owned),
        participants: asked.map(Contract::participants).unwrap_or_default(),
        // The buyer's own terms are not ours to sign.
        terms: None,
    })
}

fn ordered<'a>(asked: Option<&Contract<'a>>, order: &proto::Order) -> Result<Draft<'a>, InvalidMessage> {
    let stage = match order.status() {
        OrderStatus::Unspecified | OrderStatus::Draft | OrderStatus::Pending => Stage::Draft,
        OrderStatus::Active => Stage::Active,
        OrderStatus::Completed => Stage::Complete,
        OrderStatus::Cancelled => Stage::Cancelled,
    };
    let quote = required(order.quote.as_ref(), "order.quote")?;
    let draft = quoted(asked, quote, &BTreeMap::new())?;
    Ok(Draft { id: Some(order.id.clone()), stage, ..draft })
}

/// The lines of an order, by the commitments that asked for them.
fn kept<'a>(
    asked: Option<&Contract<'a>>,
    lines: &[proto::OrderLine],
    available: &BTreeMap<String, Energy>,
) -> Result<Vec<Promise<'a>>, InvalidMessage> {
    let mut left: Vec<&proto::OrderLine> = lines.iter().collect();
    let mut promises = Vec::new();
    for commitment in asked.map(|asked| asked.commitments.as_slice()).unwrap_or_default() {
        let Some(offer) = &commitment.offer else { continue };
        let its = |line: &&proto::OrderLine| line.offer_id == offer.id || base(&line.offer_id).0 == offer.id;
        let (own, others): (Vec<_>, Vec<_>) = left.into_iter().partition(its);
        left = others;
        if !own.is_empty() {
            promises.push(promise(Some(commitment), &offer.id, &own, available, promises.len())?);
        }
    }
    while let Some(first) = left.first() {
        let offer_id = first.offer_id.clone();
        let (own, others): (Vec<_>, Vec<_>) = left.into_iter().partition(|line| line.offer_id == offer_id);
        left = others;
        promises.push(promise(None, &offer_id, &own, available, promises.len())?);
    }
    Ok(promises)
}

fn promise<'a>(
    asked: Option<&Commitment<'a>>,
    offer_id: &str,
    lines: &[&proto::OrderLine],
    available: &BTreeMap<String, Energy>,
    before: usize,
) -> Result<Promise<'a>, InvalidMessage> {
    let resource = asked.and_then(|asked| asked.resources.first());
    let total: i64 = lines.iter().map(|line| line.quantity_wh).sum();
    let resource_id = lines.first().map(|line| line.item_id.clone()).unwrap_or_default();
    Ok(Promise {
        id: asked.and_then(|asked| asked.id.clone()).unwrap_or_else(|| format!("commitment-{}", before + 1)),
        offer_id: offer_id.to_owned(),
        resource_id,
        descriptor: resource.and_then(super::contract::Resource::descriptor),
        resource: resource.and_then(super::contract::Resource::attributes),
        quantity: Energy::from_wh(total)?,
        slots: slots(asked, offer_id, lines, available)?,
    })
}

/// A line that is a whole offer is shown over the intervals that were asked for, at its one price.
fn slots(
    asked: Option<&Commitment<'_>>,
    offer_id: &str,
    lines: &[&proto::OrderLine],
    available: &BTreeMap<String, Energy>,
) -> Result<Vec<Slot>, InvalidMessage> {
    let own: Vec<Slot> = lines
        .iter()
        .map(|line| {
            let interval = base(&line.offer_id).1.filter(|_| line.offer_id != offer_id);
            Ok(Slot {
                id: interval.unwrap_or_default(),
                window: Some(TimeWindow::try_from(required(line.window, "line.window")?)?),
                price: Some(Money::try_from(required(line.price_per_kwh.clone(), "line.price_per_kwh")?)?),
                available: available.get(&line.offer_id).copied(),
                requested: Some(Energy::from_wh(line.quantity_wh)?),
            })
        })
        .collect::<Result<_, InvalidMessage>>()?;
    let [whole] = own.as_slice() else { return Ok(own) };
    let told = asked.and_then(|asked| asked.slots().ok()).unwrap_or_default();
    let told: Vec<Slot> = told.into_iter().filter(|slot| slot.requested.is_some()).collect();
    let sum = told.iter().filter_map(|slot| slot.requested).map(Energy::wh).sum::<i64>();
    let is_within = |slot: &Slot| {
        slot.window
            .zip(whole.window)
            .is_some_and(|(of, all)| all.start() <= of.start() && of.end() <= all.end())
    };
    // What is said of delivery is what the offer says.
    if told.len() < 2 || Some(sum) != whole.requested.map(Energy::wh) || !told.iter().all(is_within) {
        return Ok(own);
    }
    let at_price = |slot: Slot| Slot { price: whole.price, available: None, ..slot };
    Ok(told.into_iter().map(at_price).collect())
}
