//! A contract as it is sent: whoever sends it, it validates against the protocol's schema.

use p2p_domain::{Energy, Money};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{
    attributes::{Descriptor, with},
    contract::{Commitment as Told, Contract as ToldContract, Participant},
    schema,
    series::{Slot, Written},
};
use crate::beckn::Number;

/// Where a contract stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Negotiated, or held.
    Draft,
    /// Bought.
    Active,
    /// Delivered.
    Complete,
    /// Given up.
    Cancelled,
}

impl Stage {
    fn contract(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Active => "ACTIVE",
            Self::Complete => "COMPLETE",
            Self::Cancelled => "CANCELLED",
        }
    }

    fn commitment(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Active => "ACTIVE",
            Self::Complete | Self::Cancelled => "CLOSED",
        }
    }

    fn consideration(self) -> &'static str {
        match self {
            Self::Draft => "QUOTED",
            Self::Active => "AGREED",
            Self::Complete => "SETTLED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// DRAFT, COMMITTED at on_confirm, COMPLETE when paid.
    fn settlement(self) -> (&'static str, &'static str) {
        match self {
            Self::Draft | Self::Cancelled => ("DRAFT", "PENDING"),
            Self::Active => ("COMMITTED", "PENDING"),
            Self::Complete => ("COMPLETE", "COMPLETE"),
        }
    }
}

/// What a contract is made of.
#[derive(Debug)]
pub struct Draft<'a> {
    /// As its BPP gave it; none before.
    pub id: Option<String>,
    /// Where it stands.
    pub stage: Stage,
    /// At least one.
    pub promises: Vec<Promise<'a>>,
    /// What it costs, where that is known.
    pub amount: Option<Money>,
    /// Roles and policy, where there are any.
    pub attributes: Option<Box<RawValue>>,
    /// Who takes part.
    pub participants: Vec<Participant<'a>>,
    /// The terms on which it is settled, where there are any.
    pub terms: Option<&'a RawValue>,
}

/// Energy of one offer.
#[derive(Debug)]
pub struct Promise<'a> {
    /// Names it within the contract.
    pub id: String,
    /// Of which offer.
    pub offer_id: String,
    /// Of which resource.
    pub resource_id: String,
    /// The resource's words for people.
    pub descriptor: Option<Descriptor>,
    /// What the resource is.
    pub resource: Option<&'a RawValue>,
    /// All of it.
    pub quantity: Energy,
    /// By delivery interval; none when that is not known.
    pub slots: Vec<Slot>,
}

const PAYMENT: &str = "payment-term-1";
const SETTLEMENT: &str = "settlement-1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Contract<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    status: Code,
    commitments: Vec<Commitment<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consideration: Option<[Consideration; 1]>,
    contract_attributes: Box<RawValue>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    participants: &'a [Participant<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    settlements: Option<[Settlement; 1]>,
}

#[derive(Serialize)]
struct Code {
    code: &'static str,
}

#[derive(Serialize)]
struct Described {
    descriptor: Code,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Commitment<'a> {
    id: &'a str,
    status: Described,
    resources: [Resource<'a>; 1],
    offer: Offer<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commitment_attributes: Option<Written>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Resource<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    descriptor: Option<&'a Descriptor>,
    quantity: Quantity,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_attributes: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Quantity {
    #[serde(rename = "@type")]
    kind: &'static str,
    unit_code: &'static str,
    unit_quantity: Number,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Offer<'a> {
    id: &'a str,
    resource_ids: [&'a str; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Consideration {
    id: &'static str,
    status: Code,
    consideration_attributes: Terms,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Settlement {
    id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    consideration_id: Option<&'static str>,
    status: &'static str,
    settlement_attributes: Box<RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Terms {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Amount>,
    payment_trigger: &'static str,
    settlement_status: &'static str,
}

#[derive(Serialize)]
struct Amount {
    currency: String,
    value: Number,
}

/// What kind of contract it is. The network wants all four roles or none, and of discoms we know only what we are told.
#[derive(Serialize)]
pub struct Kind {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@type")]
    kind: &'static str,
}

/// A contract whose roles nobody has told.
pub const NO_ROLES: Kind = Kind { context: schema::DEG_CONTRACT, kind: "DEGContract" };

/// Who plays which part.
#[derive(Debug, Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Role<'a> {
    /// buyerPlatform, sellerPlatform, buyerDiscom, sellerDiscom.
    pub role: std::borrow::Cow<'a, str>,
    /// Who.
    pub participant_id: std::borrow::Cow<'a, str>,
}

impl Draft<'_> {
    /// As it goes over the wire.
    pub fn written(&self) -> Box<RawValue> {
        let contract = Contract {
            id: self.id.as_deref(),
            status: Code { code: self.stage.contract() },
            commitments: self.promises.iter().map(|promise| promise.written(self.stage)).collect(),
            consideration: self.amount.map(|amount| [self.consideration(amount)]),
            contract_attributes: self.attributes.clone().unwrap_or_else(|| written(&NO_ROLES)),
            participants: &self.participants,
            settlements: self.settlement().map(|settlement| [settlement]),
        };
        written(&contract)
    }

    fn consideration(&self, amount: Money) -> Consideration {
        Consideration {
            id: PAYMENT,
            status: Code { code: self.stage.consideration() },
            consideration_attributes: self.own_terms(Some(amount)),
        }
    }

    fn own_terms(&self, amount: Option<Money>) -> Terms {
        Terms {
            context: schema::SETTLEMENT_TERM,
            kind: "SettlementTerm",
            amount: amount.map(|amount| Amount {
                currency: amount.currency().to_string(),
                value: Number(amount.amount()),
            }),
            payment_trigger: "ON_FULFILLMENT",
            settlement_status: self.stage.settlement().1,
        }
    }

    /// On the terms that were told, or on our own; none before there is anything to settle.
    fn settlement(&self) -> Option<Settlement> {
        let (status, settled) = self.stage.settlement();
        let told = self
            .terms
            .map(|terms| with(terms, "settlementStatus", &settled).unwrap_or_else(|| terms.to_owned()));
        let own = || self.amount.map(|_| written(&self.own_terms(None)));
        Some(Settlement {
            id: SETTLEMENT,
            consideration_id: self.amount.map(|_| PAYMENT),
            status,
            settlement_attributes: told.or_else(own)?,
        })
    }
}

impl Promise<'_> {
    fn written(&self, stage: Stage) -> Commitment<'_> {
        let descriptor = self.descriptor.as_ref();
        let quantity = Quantity { kind: "Quantity", unit_code: "KWH", unit_quantity: self.quantity.into() };
        let resource =
            Resource { id: &self.resource_id, descriptor, quantity, resource_attributes: self.resource };
        Commitment {
            id: &self.id,
            status: Described { descriptor: Code { code: stage.commitment() } },
            resources: [resource],
            offer: Offer { id: &self.offer_id, resource_ids: [&self.resource_id] },
            commitment_attributes: Written::of(&self.slots),
        }
    }
}

/// What a contract promises, as it says it.
pub fn promises<'a>(contract: &ToldContract<'a>) -> Vec<Promise<'a>> {
    let numbered = contract.commitments.iter().enumerate();
    let promise = |(at, commitment): (usize, &Told<'a>)| {
        let resource = commitment.resources.first()?;
        let slots = commitment.slots().unwrap_or_default();
        let requested = slots.iter().filter_map(|slot| slot.requested);
        let sum = requested.fold(Energy::ZERO, |sum, more| sum.checked_add(more).unwrap_or(Energy::MOST));
        let unit = commitment.unit_quantity().ok().flatten();
        Some(Promise {
            id: commitment.id.clone().unwrap_or_else(|| format!("commitment-{}", at + 1)),
            offer_id: commitment.offer.as_ref()?.id.clone(),
            resource_id: resource.id.clone(),
            descriptor: resource.descriptor(),
            resource: resource.attributes(),
            quantity: if sum.is_zero() { unit.unwrap_or_default() } else { sum },
            slots,
        })
    };
    numbered.filter_map(promise).collect()
}

/// JSON of what can always be written.
pub fn written<T: Serialize>(value: &T) -> Box<RawValue> {
    to_raw_value(value).unwrap_or_else(|_never| RawValue::NULL.to_owned())
}
