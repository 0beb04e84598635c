//! A catalog as another CDS sends it: read as far as it is needed, the rest kept to the letter.

use p2p_domain::{IdError, ParticipantId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::catalog::{Descriptor, Price, Window};
use crate::beckn::{Number, Profile, Seller};

/// A catalog that a callback brought: read as far as it is needed, the rest kept to the letter.
#[derive(Debug, Deserialize)]
pub struct ReceivedCatalog<'a> {
    /// Who sells.
    #[serde(borrow, default)]
    pub providers: Vec<ReceivedProvider<'a>>,
}

/// A provider of a received catalog.
#[derive(Debug, Deserialize)]
pub struct ReceivedProvider<'a> {
    /// Who.
    pub id: String,
    /// What it is called.
    #[serde(default)]
    pub descriptor: Option<Descriptor>,
    /// What it has.
    #[serde(borrow, default)]
    pub items: Vec<ReceivedItem<'a>>,
}

/// An item of a received catalog.
#[derive(Debug, Deserialize)]
pub struct ReceivedItem<'a> {
    /// Which.
    pub id: String,
    /// What is offered of it, to the letter.
    #[serde(borrow, default)]
    pub offers: Vec<&'a RawValue>,
}

/// What of an offer decides whether and how it can be bought.
#[derive(Debug, Deserialize)]
pub struct ReceivedOffer {
    /// Which.
    pub id: String,
    /// Whose.
    #[serde(flatten)]
    pub offered: Offered,
    /// Of one kWh.
    pub price: Price,
    /// What can still be bought.
    #[serde(rename = "maxQuantity")]
    pub max_quantity: Number,
    /// When it is delivered.
    #[serde(rename = "timeWindow")]
    pub window: Window,
}

/// Who sells an offer, and who takes the orders.
#[derive(Debug, Deserialize)]
pub struct Offered {
    /// Who sells.
    pub provider_id: String,
    /// The BPP that takes the orders; ours when absent.
    #[serde(default)]
    bpp_id: Option<ParticipantId>,
    /// Where that is reached.
    #[serde(default)]
    bpp_uri: Option<String>,
    /// What it speaks (our addition).
    #[serde(default)]
    profile: Profile,
}

impl Offered {
    /// Whom to send an order. In this profile our own seller's side goes by the provider's id.
    ///
    /// # Errors
    /// When the provider's id is none.
    pub fn seller(&self) -> Result<Seller, IdError> {
        match (&self.bpp_id, &self.bpp_uri) {
            (Some(id), Some(uri)) => {
                Ok(Seller { bpp_id: id.clone(), bpp_uri: Some(uri.clone()), profile: self.profile })
            }
            _ => Ok(Seller {
                bpp_id: ParticipantId::parse(&self.provider_id)?,
                bpp_uri: None,
                profile: Profile::Seed,
            }),
        }
    }
}
