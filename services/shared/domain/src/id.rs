//! Identifiers. Texts that others chose are kept as they are; orders have UUIDs of ours.

use std::{fmt, marker::PhantomData, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::{NoContext, Timestamp, Uuid};

/// A new UUID (RFC 9562, version 7) that begins with the time, in milliseconds: rows of about the same time lie together
/// in an index, so that one of many rows costs little more than one of few.
pub fn uuid_of(now: DateTime<Utc>) -> Uuid {
    let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos()))
}

/// Why a text is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} must be 1 to 255 printable ASCII characters without spaces around them")]
pub struct IdError {
    /// Which identifier.
    pub kind: &'static str,
}

/// A text of 1 to 255 printable ASCII characters that identifies a `K`.
pub struct Id<K>(Box<str>, PhantomData<fn() -> K>);

/// What an [`Id`] identifies.
pub trait Kind {
    /// The identifier's name in errors.
    const NAME: &'static str;
}

impl<K: Kind> Id<K> {
    /// Checks and keeps a text.
    ///
    /// # Errors
    /// When it is empty, longer than 255 bytes, not printable ASCII, or has spaces around it.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let printable = text.bytes().all(|b| (0x20..0x7f).contains(&b));
        if text.is_empty() || text.len() > 255 || !printable || text.trim() != text {
            return Err(IdError { kind: K::NAME });
        }
        Ok(Self(text.into(), PhantomData))
    }

    /// A new one, [`uuid_of`] this time.
    pub fn new(now: DateTime<Utc>) -> Self {
        uuid_of(now).into()
    }
}

impl<K> From<Uuid> for Id<K> {
    fn from(uuid: Uuid) -> Self {
        Self(uuid.to_string().into(), PhantomData)
    }
}

impl<K> Id<K> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<K> std::hash::Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl<K> AsRef<str> for Id<K> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<K> From<Id<K>> for String {
    fn from(id: Id<K>) -> Self {
        id.0.into()
    }
}

impl<K: Kind> FromStr for Id<K> {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }
}

impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $alias:ident, $marker:ident, $name:literal;)*) => {$(
        #[doc(hidden)]
        pub enum $marker {}
        impl Kind for $marker {
            const NAME: &'static str = $name;
        }
        $(#[$doc])*
        pub type $alias = Id<$marker>;
    )*};
}

ids! {
    /// A provider: a seller in the catalog.
    ProviderId, ProviderKind, "provider_id";
    /// A catalog item: an energy resource.
    ItemId, ItemKind, "item_id";
    /// A catalog offer.
    OfferId, OfferKind, "offer_id";
    /// context.transaction_id: one trade of one BAP.
    TransactionId, TransactionKind, "transaction_id";
    /// context.message_id: lives through a request and its callback.
    MessageId, MessageKind, "message_id";
    /// context.bap_id or context.bpp_id: a network participant.
    ParticipantId, ParticipantKind, "participant id";
    /// A client of our buyer's side, with keys of its own.
    ClientId, ClientKind, "client_id";
    /// Whose a key is: a provider or a client.
    OwnerId, OwnerKind, "owner_id";
    /// A key: the part of it that is no secret.
    KeyId, KeyKind, "key_id";
}

/// An order of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrderId(pub Uuid);

/// Namespace of the ids that follow from other ids (UUIDv5).
const NAMESPACE: Uuid = Uuid::from_u128(0x6f0c_57d1_9f5b_4c7e_a3c2_0b3a_7a5e_9d11);

impl OrderId {
    /// The id of the order that this init makes: UUIDv5 of the three texts, so that an init repeated by anyone,
    /// at any time, means the same order.
    pub fn of_init(bap: &ParticipantId, transaction: &TransactionId, init: &MessageId) -> Self {
        let name = format!("{bap}\n{transaction}\n{init}");
        Self(Uuid::new_v5(&NAMESPACE, name.as_bytes()))
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for OrderId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Uuid::parse_str(text).map(Self).map_err(|_not_a_uuid| IdError { kind: "order_id" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_printable_ascii_of_bounded_length() {
        assert_eq!(OfferId::parse("offer-1").unwrap().as_str(), "offer-1");
        for bad in ["", " x", "x ", "a\0b", "a\nb", "é", &"x".repeat(256)] {
            assert!(OfferId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_order_id_follows_from_the_init_alone() {
        let (bap, txn) = (ParticipantId::parse("bap").unwrap(), TransactionId::parse("t").unwrap());
        let of = |m: &str| OrderId::of_init(&bap, &txn, &MessageId::parse(m).unwrap());
        assert_eq!(of("m-1"), of("m-1"));
        assert_ne!(of("m-1"), of("m-2"));
    }
}
