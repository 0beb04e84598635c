//! What can go wrong in the catalog, and what callers are told of it.

use std::num::NonZeroU32;

use p2p_domain::{Energy, ItemId, OfferId, OrderId, ProviderId};
use p2p_proto::InvalidMessage;
use p2p_runtime::{chain, group::Stopped};
use tonic::{Code, Status};

use crate::{
    domain::{Entry, Invalid, OriginFixed, Undecided},
    store::DatabaseError,
};

/// An operation or rule that failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A value breaks a rule of the catalog.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A message cannot be what it should be.
    #[error(transparent)]
    Message(#[from] InvalidMessage),
    /// No such provider.
    #[error("provider {0} is unknown")]
    ProviderNotFound(ProviderId),
    /// No such item, or another provider's.
    #[error("item {0} is unknown")]
    ItemNotFound(ItemId),
    /// No such offer, or one that is withdrawn already.
    #[error("offer {0} is unknown")]
    OfferNotFound(OfferId),
    /// Nothing is found within bounds.
    #[error(
        "too many offers would have to be looked at to find the first: ask for one source type, a shorter time \
         window or a larger quantity"
    )]
    SearchTooBroad,
    /// The order never asked for stock.
    #[error("order {0} has no reservation")]
    ReservationNotFound(OrderId),
    /// It must be new and is not.
    #[error("{0} exists already")]
    Exists(Entry),
    /// It came the other way.
    #[error(transparent)]
    OriginFixed(#[from] OriginFixed),
    /// An item cannot pass to another provider.
    #[error("item {0} belongs to another provider")]
    ItemFixed(ItemId),
    /// An offer cannot sell something else, or in other blocks.
    #[error("the {field} of offer {offer} cannot change")]
    OfferFixed {
        /// Which offer.
        offer: OfferId,
        /// What cannot change.
        field: &'static str,
    },
    /// An item's new total is below what is held or sold.
    #[error("{committed} kWh of item {item} are held or sold")]
    ItemBelowCommitted {
        /// Which item.
        item: ItemId,
        /// Held or sold.
        committed: Energy,
    },
    /// What is to be unsold of an item is less than what is held of it.
    #[error("{held} kWh of item {item} are held")]
    ItemBelowHeld {
        /// Which item.
        item: ItemId,
        /// Held.
        held: Energy,
    },
    /// An item has less than other BPPs say they took of it.
    #[error("item {0} has not enough left")]
    ItemShort(ItemId),
    /// An offer has no such block.
    #[error("offer {offer} has {blocks} blocks, numbered from 0, and none is {block}")]
    BlockUnknown {
        /// Which offer.
        offer: OfferId,
        /// How many it has.
        blocks: i64,
        /// The number that it has not.
        block: i64,
    },
    /// An order of ours holds or bought a block.
    #[error("block {block} of offer {offer} belongs to order {order}")]
    BlockTaken {
        /// Which offer.
        offer: OfferId,
        /// Number of the block.
        block: i64,
        /// Whose it is.
        order: OrderId,
    },
    /// An offer's new total is below what is held or sold.
    #[error("{committed} kWh of offer {offer} are held or sold")]
    OfferBelowCommitted {
        /// Which offer.
        offer: OfferId,
        /// Held or sold.
        committed: Energy,
    },
    /// A provider has as much as it may have.
    #[error("provider {provider} may have at most {most} {what}")]
    QuotaExceeded {
        /// Which provider.
        provider: ProviderId,
        /// How many it may have.
        most: NonZeroU32,
        /// Of what.
        what: &'static str,
    },
    /// The database holds what the catalog never writes.
    #[error("impossible row {id} in {table}: {why}")]
    Impossible {
        /// Which table.
        table: &'static str,
        /// Which row.
        id: String,
        /// What is wrong with it.
        why: String,
    },
    /// The database failed.
    #[error("the database failed")]
    Database(#[source] DatabaseError),
    /// Another catalog was faster; the same again finds what it wrote.
    #[error("another catalog was faster")]
    LostRace,
    /// The writer has ended.
    #[error("the catalog is stopping")]
    Stopping,
}

/// What callers have to tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request cannot be meant.
    Invalid,
    /// What it names is not there.
    NotFound,
    /// What it makes is there.
    Exists,
    /// What it names does not allow it.
    Refused,
    /// Its owner has too much already.
    TooMuch,
    /// To be tried again.
    Unavailable,
    /// A fault of ours.
    Internal,
}

impl Error {
    /// What it is to callers.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Invalid(_) | Self::Message(_) | Self::BlockUnknown { .. } | Self::SearchTooBroad => {
                Kind::Invalid
            }
            Self::ProviderNotFound(_)
            | Self::ItemNotFound(_)
            | Self::OfferNotFound(_)
            | Self::ReservationNotFound(_) => Kind::NotFound,
            Self::Exists(_) => Kind::Exists,
            Self::OriginFixed(_)
            | Self::ItemFixed(_)
            | Self::OfferFixed { .. }
            | Self::ItemBelowHeld { .. }
            | Self::ItemBelowCommitted { .. }
            | Self::ItemShort(_)
            | Self::BlockTaken { .. }
            | Self::OfferBelowCommitted { .. } => Kind::Refused,
            Self::QuotaExceeded { .. } => Kind::TooMuch,
            Self::Database(error) if error.is_passing() => Kind::Unavailable,
            Self::LostRace | Self::Stopping => Kind::Unavailable,
            Self::Impossible { .. } | Self::Database(_) => Kind::Internal,
        }
    }

    /// The stable name that callers go by.
    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(invalid) => invalid.reason(),
            Self::Message(_) => "INVALID_MESSAGE",
            Self::SearchTooBroad => "SEARCH_TOO_BROAD",
            Self::ProviderNotFound(_) => "PROVIDER_NOT_FOUND",
            Self::ItemNotFound(_) => "ITEM_NOT_FOUND",
            Self::OfferNotFound(_) => "OFFER_NOT_FOUND",
            Self::ReservationNotFound(_) => "RESERVATION_NOT_FOUND",
            Self::Exists(Entry::Provider(_)) => "PROVIDER_EXISTS",
            Self::Exists(Entry::Item(_)) => "ITEM_EXISTS",
            Self::Exists(Entry::Offer(_)) => "OFFER_EXISTS",
            Self::OriginFixed(_) => "ORIGIN_FIXED",
            Self::ItemFixed(_) => "ITEM_FIXED",
            Self::OfferFixed { .. } => "OFFER_FIXED",
            Self::ItemBelowCommitted { .. }
            | Self::ItemBelowHeld { .. }
            | Self::OfferBelowCommitted { .. } => "STOCK_BELOW_COMMITTED",
            Self::ItemShort(_) => "STOCK_SHORT",
            Self::BlockUnknown { .. } => "INVALID_BLOCKS",
            Self::BlockTaken { .. } => "BLOCK_TAKEN",
            Self::QuotaExceeded { .. } => "QUOTA_EXCEEDED",
            Self::Impossible { .. } => "IMPOSSIBLE_ROW",
            Self::Database(error) if error.is_passing() => "DATABASE_UNAVAILABLE",
            Self::Database(_) => "DATABASE_FAILED",
            Self::LostRace => "LOST_RACE",
            Self::Stopping => "STOPPING",
        }
    }

    /// The id that it is about, by its name.
    fn id(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Exists(entry) | Self::OriginFixed(OriginFixed { entry, .. }) => Some(match entry {
                Entry::Provider(id) => ("provider_id", id.to_string()),
                Entry::Item(id) => ("item_id", id.to_string()),
                Entry::Offer(id) => ("offer_id", id.to_string()),
            }),
            Self::ProviderNotFound(id) | Self::QuotaExceeded { provider: id, .. } => {
                Some(("provider_id", id.to_string()))
            }
            Self::ItemNotFound(id)
            | Self::ItemFixed(id)
            | Self::ItemBelowCommitted { item: id, .. }
            | Self::ItemBelowHeld { item: id, .. }
            | Self::ItemShort(id) => Some(("item_id", id.to_string())),
            Self::OfferNotFound(id)
            | Self::OfferFixed { offer: id, .. }
            | Self::BlockUnknown { offer: id, .. }
            | Self::OfferBelowCommitted { offer: id, .. } => Some(("offer_id", id.to_string())),
            Self::ReservationNotFound(id) | Self::BlockTaken { order: id, .. } => {
                Some(("order_id", id.to_string()))
            }
            Self::Invalid(_)
            | Self::Message(_)
            | Self::SearchTooBroad
            | Self::Impossible { .. }
            | Self::Database(_)
            | Self::LostRace
            | Self::Stopping => None,
        }
    }
}

impl From<Undecided> for Error {
    fn from(undecided: Undecided) -> Self {
        match undecided {
            Undecided::Unknown(order) => Self::ReservationNotFound(order),
            Undecided::Uncovered { order, ref short } => {
                Self::Impossible { table: "reservations", id: order.to_string(), why: short.to_string() }
            }
        }
    }
}

impl From<Stopped> for Error {
    fn from(_: Stopped) -> Self {
        Self::Stopping
    }
}

impl From<Error> for Status {
    /// Logs what is no fault of the caller's; the client learns nothing of our insides.
    fn from(error: Error) -> Self {
        let (code, message) = match error.kind() {
            Kind::Invalid => (Code::InvalidArgument, error.to_string()),
            Kind::NotFound => (Code::NotFound, error.to_string()),
            Kind::Exists => (Code::AlreadyExists, error.to_string()),
            Kind::Refused => (Code::FailedPrecondition, error.to_string()),
            Kind::TooMuch => (Code::ResourceExhausted, error.to_string()),
            Kind::Unavailable => {
                tracing::warn!(error = chain(&error), "the database does not answer");
                (Code::Unavailable, "the catalog's database does not answer".to_owned())
            }
            Kind::Internal => {
                tracing::error!(error = chain(&error), "a call failed");
                (Code::Internal, "the catalog failed".to_owned())
            }
        };
        p2p_proto::status(code, error.reason(), message, error.id())
    }
}
