//! A contract as it comes in: read leniently, and of what is unknown or cannot be read nothing is taken.

use std::borrow::Cow;

use p2p_domain::{Energy, Money};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{
    attributes::{Descriptor, typed},
    series::{Series, Slot},
};
use crate::beckn::Number;

/// `message` of all actions and callbacks about a contract.
#[derive(Deserialize)]
pub struct Message<'a> {
    /// What is negotiated.
    #[serde(borrow)]
    pub contract: Contract<'a>,
}

/// A contract.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contract<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
    /// What is promised; at least one where there is something to buy.
    #[serde(borrow, default)]
    pub commitments: Vec<Commitment<'a>>,
    #[serde(borrow, default)]
    consideration: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    contract_attributes: Option<&'a RawValue>,
    #[serde(borrow, default)]
    participants: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    settlements: Vec<&'a RawValue>,
}

/// One promise of a contract: energy of one offer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Commitment<'a> {
    /// Names it within the contract.
    #[serde(default)]
    pub id: Option<String>,
    /// What is delivered.
    #[serde(borrow, default)]
    pub resources: Vec<Resource<'a>>,
    /// Of which offer.
    #[serde(default)]
    pub offer: Option<OfferRef>,
    #[serde(borrow, default)]
    commitment_attributes: Option<&'a RawValue>,
}

/// A resource of a commitment.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource<'a> {
    /// Which.
    pub id: String,
    #[serde(borrow, default)]
    descriptor: Option<&'a RawValue>,
    #[serde(borrow, default)]
    resource_attributes: Option<&'a RawValue>,
    #[serde(default)]
    quantity: Option<Quantity>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Quantity {
    #[serde(default)]
    unit_code: Option<String>,
    unit_quantity: Number,
}

/// An offer by its id.
#[derive(Debug, Deserialize)]
pub struct OfferRef {
    /// As the catalog gave it.
    pub id: String,
}

/// A participant of a contract, as far as it is sent on.
#[derive(Debug, serde::Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Participant<'a> {
    /// Who.
    pub id: Cow<'a, str>,
    /// What it says of itself.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub participant_attributes: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Code<'a> {
    #[serde(borrow)]
    code: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Priced<'a> {
    #[serde(borrow)]
    consideration_attributes: &'a RawValue,
}

#[derive(Deserialize)]
struct WithAmount {
    amount: Amount,
}

#[derive(Deserialize)]
struct Amount {
    currency: String,
    value: Number,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settlement<'a> {
    #[serde(borrow, default)]
    settlement_attributes: Option<&'a RawValue>,
}

impl<'a> Contract<'a> {
    /// Its id, if it is one that a BPP can have given it: a UUID. The devkit's own are none.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref().filter(|id| Uuid::try_parse(id).is_ok())
    }

    /// DRAFT, ACTIVE, CANCELLED or COMPLETE.
    pub fn status(&self) -> Option<String> {
        let code: Code<'_> = serde_json::from_str(self.status?.get()).ok()?;
        Some(code.code.into_owned())
    }

    /// Roles and policy.
    pub fn attributes(&self) -> Option<&'a RawValue> {
        typed(self.contract_attributes)
    }

    /// Those that can be read, with attributes that say what they are.
    pub fn participants(&self) -> Vec<Participant<'a>> {
        participants(&self.participants)
    }

    /// The terms of its first settlement.
    pub fn terms(&self) -> Option<&'a RawValue> {
        let first: Settlement<'a> = serde_json::from_str(self.settlements.first()?.get()).ok()?;
        typed(first.settlement_attributes)
    }

    /// What it costs, as its consideration says.
    pub fn amount(&self) -> Option<Money> {
        self.consideration.iter().find_map(|raw| {
            let priced: Priced<'_> = serde_json::from_str(raw.get()).ok()?;
            let WithAmount { amount } = serde_json::from_str(priced.consideration_attributes.get()).ok()?;
            Money::new(amount.value.0, amount.currency.parse().ok()?).ok()
        })
    }

    /// What it costs by the prices and quantities of its intervals; none where one of them is not told, or nothing is
    /// asked for.
    pub fn price(&self) -> Option<Money> {
        let slots = self.commitments.iter().map(|commitment| commitment.slots().ok());
        let slots: Vec<Slot> = slots.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
        let priced = slots.iter().filter(|slot| slot.requested.is_some_and(|requested| !requested.is_zero()));
        let costs = priced.map(|slot| slot.price?.times(slot.requested?).ok());
        costs.reduce(|sum, cost| sum?.plus(cost?).ok())?
    }
}

impl Contract<'_> {
    /// How much energy it is about; none where it does not say.
    pub fn quantity(&self) -> Option<Energy> {
        let each = self.commitments.iter().map(|commitment| {
            let slots = commitment.slots().ok()?;
            let requested = slots.iter().filter_map(|slot| slot.requested);
            let sum = requested.reduce(|sum, more| sum.checked_add(more).unwrap_or(Energy::MOST));
            sum.or_else(|| commitment.unit_quantity().ok()?)
        });
        each.reduce(|sum, more| sum?.checked_add(more?)).flatten()
    }
}

/// Participants as far as they can be sent on.
pub fn participants<'a>(raw: &[&'a RawValue]) -> Vec<Participant<'a>> {
    let read = raw.iter().filter_map(|raw| serde_json::from_str::<Participant<'a>>(raw.get()).ok());
    read.map(|Participant { id, participant_attributes }| Participant {
        id,
        participant_attributes: typed(participant_attributes),
    })
    .collect()
}

impl<'a> Commitment<'a> {
    /// Its delivery intervals; none when it does not say.
    ///
    /// # Errors
    /// A sentence that says what of them cannot be.
    pub fn slots(&self) -> Result<Vec<Slot>, String> {
        let Some(raw) = self.commitment_attributes else { return Ok(Vec::new()) };
        let series: Series<'_> = serde_json::from_str(raw.get())
            .map_err(|e| format!("commitmentAttributes cannot be read as TimeSeries: {e}"))?;
        series.slots()
    }

    /// How much its resource's quantity says, where it says it.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn unit_quantity(&self) -> Result<Option<Energy>, String> {
        let Some(quantity) = self.resources.first().and_then(|resource| resource.quantity.as_ref()) else {
            return Ok(None);
        };
        if quantity.unit_code.as_deref().is_some_and(|unit| !unit.eq_ignore_ascii_case("KWH")) {
            return Err("quantity.unitCode must be KWH".into());
        }
        let energy = Energy::from_kwh(quantity.unit_quantity.0);
        energy.map(Some).map_err(|e| format!("quantity.unitQuantity: {e}"))
    }
}

impl<'a> Resource<'a> {
    /// Its words for people.
    pub fn descriptor(&self) -> Option<Descriptor> {
        Descriptor::read(self.descriptor)
    }

    /// What it is.
    pub fn attributes(&self) -> Option<&'a RawValue> {
        typed(self.resource_attributes)
    }
}
