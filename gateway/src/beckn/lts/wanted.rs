//! What our buyer's side asks for.

use p2p_domain::{Energy, Money, TimeWindow};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{
    attributes::{Fields, typed, with},
    catalog::Customer,
    context::{Wire, is_fit},
    contract::{Contract, Participant, participants},
    draft::{Draft, Promise, Role, Stage, promises, written as json},
    kept::Terms,
    request::{EVERY_OFFER, Filters},
    series::Slot,
};
use crate::beckn::{
    Context, Number, Ordered, Selection, Wanted,
    seed::catalog::{Price, Window},
};

#[derive(Serialize)]
struct Request<'a, M> {
    context: Wire<'a>,
    message: &'a M,
}

#[derive(Serialize)]
struct Contracted {
    contract: Box<RawValue>,
}

#[derive(Serialize)]
struct Sought {
    intent: SoughtIntent,
}

#[derive(Serialize)]
struct SoughtIntent {
    filters: Filters,
}

/// A request's text.
///
/// # Errors
/// A sentence for the client, when its state does not hold what a contract is made of.
pub fn written(context: &Context, wanted: &Wanted) -> Result<String, String> {
    if !is_fit(&context.transaction_id) {
        return Err("a trade on this network needs a transaction_id that is a UUID".into());
    }
    let contract = match wanted {
        Wanted::Discover(_) => {
            let filters = Filters { kind: "jsonpath".into(), expression: EVERY_OFFER.into() };
            return Ok(text(context, &Sought { intent: SoughtIntent { filters } }));
        }
        Wanted::Select(selection) | Wanted::Init(selection) => selected(context, selection)?,
        Wanted::Confirm(ordered) => ordered_contract(ordered, Stage::Draft)?,
        Wanted::Status(ordered) | Wanted::Cancel(ordered, _) => ordered_contract(ordered, Stage::Active)?,
    };
    Ok(text(context, &Contracted { contract }))
}

fn text<M: Serialize>(context: &Context, message: &M) -> String {
    // Strings, numbers and raw values: nothing here can fail to be written.
    serde_json::to_string(&Request { context: Wire::from(context), message }).unwrap_or_default()
}

/// What of a selected offer a contract is made of.
#[derive(Deserialize)]
struct Selected<'a> {
    price: Price,
    #[serde(rename = "maxQuantity")]
    most: Number,
    #[serde(rename = "timeWindow")]
    window: Window,
    #[serde(borrow, default)]
    lts: Option<Terms<'a>>,
}

fn selected(context: &Context, selection: &Selection) -> Result<Box<RawValue>, String> {
    let unusable = |e: &dyn std::fmt::Display| format!("the selected offer cannot be asked for: {e}");
    let offer: Selected<'_> = serde_json::from_str(selection.offer.get()).map_err(|e| unusable(&e))?;
    let price = Money::try_from(&offer.price).map_err(|e| unusable(&e))?;
    let window = TimeWindow::try_from(&offer.window).map_err(|e| unusable(&e))?;
    let terms = offer.lts.unwrap_or_else(|| Terms {
        offer_id: selection.offer_id.as_str().into(),
        interval: 0,
        descriptor: None,
        resource: None,
        contract_attributes: None,
        participants: Vec::new(),
    });
    let slot = Slot {
        id: terms.interval,
        window: Some(window),
        price: Some(price),
        available: Energy::from_kwh(offer.most.0).ok(),
        requested: Some(selection.quantity),
    };
    let buyer = (context.bap_id.as_str(), context.bap_uri.as_str());
    let own = json(&Customer::of(buyer.0, buyer.1, None));
    let mut taking_part = participants(&terms.participants);
    taking_part.retain(|participant| participant.id != buyer.0);
    taking_part.extend(serde_json::from_str::<Participant<'_>>(own.get()).ok());
    let draft = Draft {
        id: None,
        stage: Stage::Draft,
        promises: vec![Promise {
            id: "commitment-1".into(),
            offer_id: terms.offer_id.into_owned(),
            resource_id: selection.item_id.clone(),
            descriptor: terms.descriptor,
            resource: typed(terms.resource),
            quantity: selection.quantity,
            slots: vec![slot],
        }],
        amount: None,
        attributes: typed(terms.contract_attributes).map(|raw| with_buyer(raw, buyer.0)),
        participants: taking_part,
        terms: None,
    };
    Ok(draft.written())
}

/// The same contract, with us as the buyer's platform where it has roles.
fn with_buyer(raw: &RawValue, buyer: &str) -> Box<RawValue> {
    let named = || {
        let fields: Fields<'_> = serde_json::from_str(raw.get()).ok()?;
        let mut roles: Vec<Role<'_>> = serde_json::from_str(fields.get("roles")?.get()).ok()?;
        roles.retain(|role| role.role != "buyerPlatform");
        roles.insert(0, Role { role: "buyerPlatform".into(), participant_id: buyer.into() });
        let roles = to_raw_value(&roles).ok()?;
        with(raw, "roles", &roles)
    };
    named().unwrap_or_else(|| raw.to_owned())
}

/// The contract as its seller told it.
fn ordered_contract(ordered: &Ordered, stage: Stage) -> Result<Box<RawValue>, String> {
    #[derive(Deserialize)]
    struct Told<'a> {
        #[serde(borrow)]
        contract: Contract<'a>,
    }
    let unknown = || "the order's contract is not known here: it was made elsewhere".to_owned();
    let told = ordered.order.as_ref().ok_or_else(unknown)?;
    let Told { contract } = serde_json::from_str(told.get()).map_err(|_e| unknown())?;
    let draft = Draft {
        // Only its BPP gives it one; but whoever asks about it or gives it up must name one.
        id: contract
            .id()
            .map(str::to_owned)
            .or_else(|| (stage != Stage::Draft).then(|| ordered.order_id.clone())),
        stage,
        promises: promises(&contract),
        amount: contract.amount().or_else(|| contract.price()),
        attributes: contract.attributes().map(ToOwned::to_owned),
        participants: contract.participants(),
        terms: contract.terms(),
    };
    Ok(draft.written())
}
