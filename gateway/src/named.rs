//! What the path of a request names.

use std::str::FromStr;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use p2p_domain::{ClientId, ItemId, OfferId, OrderId, ProviderId};
use uuid::Uuid;

use crate::{access::KeyId, reply::ApiError};

/// Something that clients name by its id.
pub trait Noun: FromStr {
    /// What is said when there is none of that id.
    const NOT_FOUND: &'static str;
}

impl Noun for ProviderId {
    const NOT_FOUND: &'static str = "Provider not found";
}

impl Noun for ItemId {
    const NOT_FOUND: &'static str = "Item not found";
}

impl Noun for OfferId {
    const NOT_FOUND: &'static str = "Offer not found";
}

impl Noun for OrderId {
    const NOT_FOUND: &'static str = "Order not found";
}

impl Noun for ClientId {
    const NOT_FOUND: &'static str = "Client not found";
}

/// A message that was given up.
#[derive(Debug, Clone, Copy)]
pub struct LetterId(pub Uuid);

impl FromStr for LetterId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

impl Noun for LetterId {
    const NOT_FOUND: &'static str = "Dead letter not found";
}

impl Noun for KeyId {
    const NOT_FOUND: &'static str = "Key not found";
}

/// What is said of a transaction that there is not.
pub const NO_TRANSACTION: &str = "Transaction not found";

/// The sentence about what a service does not know, by the reason that it gives.
pub fn not_found(reason: &str) -> Option<&'static str> {
    match reason {
        "PROVIDER_NOT_FOUND" => Some(ProviderId::NOT_FOUND),
        "ITEM_NOT_FOUND" => Some(ItemId::NOT_FOUND),
        "OFFER_NOT_FOUND" => Some(OfferId::NOT_FOUND),
        "ORDER_NOT_FOUND" => Some(OrderId::NOT_FOUND),
        "DELIVERY_NOT_DEAD" => Some(LetterId::NOT_FOUND),
        "KEY_NOT_FOUND" => Some(KeyId::NOT_FOUND),
        "TRANSACTION_NOT_FOUND" => Some(NO_TRANSACTION),
        _ => None,
    }
}

/// The id in the path. What can be no id names an unknown one.
#[derive(Debug)]
pub struct Named<T>(pub T);

impl<S: Send + Sync, T: Noun> FromRequestParts<S> for Named<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let unknown = || ApiError::not_found(T::NOT_FOUND);
        let Path(id) =
            Path::<String>::from_request_parts(parts, state).await.map_err(|_no_text| unknown())?;
        id.parse().map(Self).map_err(|_no_id| unknown())
    }
}
