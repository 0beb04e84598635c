//! What can go wrong, and what callers are told.

use std::{num::NonZeroU32, sync::Arc};

use p2p_domain::{KeyId, OrderId, OwnerId};
use p2p_proto::{InvalidMessage, is_permanent};
use p2p_runtime::{
    chain,
    group::{Failure, Stopped},
    postgres::{is_passing, lost_race},
};
use sea_orm::DbErr;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::domain::{MOST_KEYS, Unexpected};

/// A failed call.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A message that cannot be what it should be.
    #[error(transparent)]
    Invalid(#[from] InvalidMessage),
    /// No such order under this BAP and transaction.
    #[error("order {0} not found")]
    OrderNotFound(String),
    /// This BAP has no order in this transaction.
    #[error("transaction {0} has no order")]
    NoOrder(String),
    /// This BAP has sent no such request in this transaction.
    #[error("request {0} not found")]
    RequestNotFound(String),
    /// No such transaction of this BAP.
    #[error("transaction {0} not found")]
    TransactionNotFound(String),
    /// No such key, or it is revoked, or another's.
    #[error("key {0} not found")]
    KeyNotFound(KeyId),
    /// A key of that id is there.
    #[error("key {0} exists")]
    KeyExists(KeyId),
    /// The owner has as many keys as it may have.
    #[error("{0} has {MOST_KEYS} keys; revoke one first")]
    TooManyKeys(OwnerId),
    /// A client or a BAP has made as many trades in a day as it may.
    #[error("at most {0} new transactions in 24 hours; try again later")]
    QuotaExceeded(NonZeroU32),
    /// The work or delivery belongs to another gateway by now.
    #[error("the lease on {0} was lost")]
    LeaseLost(String),
    /// Another process has joined under its id, or none ever has.
    #[error("gateway {0} has not joined as this incarnation, or another one has joined since")]
    GatewayOutdated(String),
    /// No dead delivery of that id.
    #[error("delivery {0} is not dead")]
    NotDead(Uuid),
    /// A cursor that this service never gave out.
    #[error("cursor is not one of ours")]
    Cursor,
    /// The catalog did not answer as it should.
    #[error("the catalog cannot {operation}")]
    Catalog {
        /// What was asked of it.
        operation: &'static str,
        /// Its answer.
        source: Box<Status>,
    },
    /// The matching service did not answer as it should.
    #[error("the matching service cannot {operation}")]
    Matching {
        /// What was asked of it.
        operation: &'static str,
        /// Its answer.
        source: Box<Status>,
    },
    /// The order stands where this cannot be done.
    #[error("{why}")]
    WrongState {
        /// Which order.
        order: OrderId,
        /// A sentence for its seller.
        why: String,
    },
    /// An action of the order's trade is under way.
    #[error("an action on order {0} is under way, try again")]
    Busy(OrderId),
    /// The database did not do as it should.
    #[error("the database failed")]
    Database(#[source] Arc<DbErr>),
    /// A row that cannot be.
    #[error("{table} {id} cannot be read: {why}")]
    ImpossibleRow {
        /// The table.
        table: &'static str,
        /// The row.
        id: String,
        /// What is wrong with it.
        why: String,
    },
    /// Another writer was faster; the same again finds what it wrote.
    #[error("another writer was faster")]
    LostRace,
    /// The writer has stopped.
    #[error("the service is stopping")]
    Stopping,
}

/// What callers go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Invalid,
    OrderNotFound,
    RequestNotFound,
    TransactionNotFound,
    KeyNotFound,
    KeyExists,
    TooManyKeys,
    QuotaExceeded,
    LeaseLost,
    NotDead,
    WrongState,
    Busy,
    Unavailable,
    Internal,
}

impl Error {
    /// What callers go by.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Invalid(_) | Self::Cursor => Kind::Invalid,
            Self::OrderNotFound(_) | Self::NoOrder(_) => Kind::OrderNotFound,
            Self::RequestNotFound(_) => Kind::RequestNotFound,
            Self::TransactionNotFound(_) => Kind::TransactionNotFound,
            Self::KeyNotFound(_) => Kind::KeyNotFound,
            Self::KeyExists(_) => Kind::KeyExists,
            Self::TooManyKeys(_) => Kind::TooManyKeys,
            Self::QuotaExceeded(_) => Kind::QuotaExceeded,
            Self::LeaseLost(_) | Self::GatewayOutdated(_) => Kind::LeaseLost,
            Self::NotDead(_) => Kind::NotDead,
            Self::Database(error) if !is_passing(error) => Kind::Internal,
            Self::Catalog { source, .. } | Self::Matching { source, .. } if is_permanent(source) => {
                Kind::Internal
            }
            Self::WrongState { .. } => Kind::WrongState,
            Self::Busy(_) => Kind::Busy,
            Self::Catalog { .. }
            | Self::Matching { .. }
            | Self::Database(_)
            | Self::LostRace
            | Self::Stopping => Kind::Unavailable,
            Self::ImpossibleRow { .. } => Kind::Internal,
        }
    }

    /// The id that it is about, by its name.
    fn id(&self) -> Option<(&'static str, String)> {
        match self {
            Self::OrderNotFound(id) => Some(("order_id", id.clone())),
            Self::TransactionNotFound(id) | Self::NoOrder(id) => Some(("transaction_id", id.clone())),
            Self::KeyNotFound(id) | Self::KeyExists(id) => Some(("key_id", id.to_string())),
            Self::TooManyKeys(owner) => Some(("owner_id", owner.to_string())),
            Self::LeaseLost(id) | Self::RequestNotFound(id) => Some(("message_id", id.clone())),
            Self::GatewayOutdated(id) => Some(("gateway_id", id.clone())),
            Self::NotDead(id) => Some(("delivery_id", id.to_string())),
            Self::WrongState { order, .. } | Self::Busy(order) => Some(("order_id", order.to_string())),
            _ => None,
        }
    }

    /// Whether the same transaction can be expected to succeed when it is run again at once.
    pub fn lost_race(&self) -> bool {
        match self {
            Self::Database(error) => lost_race(error),
            Self::LostRace => true,
            _ => false,
        }
    }

    /// An impossible row.
    pub fn impossible(table: &'static str, id: impl ToString, why: impl ToString) -> Self {
        Self::ImpossibleRow { table, id: id.to_string(), why: why.to_string() }
    }
}

impl From<Unexpected> for Error {
    fn from(Unexpected { order, stood }: Unexpected) -> Self {
        Self::impossible("reservations", order, format!("is {}", stood.as_str()))
    }
}

impl From<Stopped> for Error {
    fn from(_: Stopped) -> Self {
        Self::Stopping
    }
}

impl Failure for Error {
    fn hits_all(&self) -> bool {
        self.kind() == Kind::Unavailable && !self.lost_race()
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let (code, reason) = match error.kind() {
            Kind::Invalid => (Code::InvalidArgument, "INVALID_MESSAGE"),
            Kind::OrderNotFound => (Code::NotFound, "ORDER_NOT_FOUND"),
            Kind::RequestNotFound => (Code::NotFound, "REQUEST_NOT_FOUND"),
            Kind::TransactionNotFound => (Code::NotFound, "TRANSACTION_NOT_FOUND"),
            Kind::KeyNotFound => (Code::NotFound, "KEY_NOT_FOUND"),
            Kind::KeyExists => (Code::AlreadyExists, "KEY_EXISTS"),
            Kind::TooManyKeys => (Code::ResourceExhausted, "TOO_MANY_KEYS"),
            Kind::QuotaExceeded => (Code::ResourceExhausted, "QUOTA_EXCEEDED"),
            Kind::LeaseLost => (Code::Aborted, "LEASE_LOST"),
            Kind::NotDead => (Code::NotFound, "DELIVERY_NOT_DEAD"),
            Kind::WrongState => (Code::FailedPrecondition, "WRONG_STATE"),
            Kind::Busy => (Code::Unavailable, "ORDER_BUSY"),
            Kind::Unavailable => (Code::Unavailable, "UNAVAILABLE"),
            Kind::Internal => (Code::Internal, "INTERNAL"),
        };
        match error.kind() {
            Kind::Internal => tracing::error!(error = %chain(&error), reason, "call failed"),
            Kind::Unavailable => tracing::warn!(error = %chain(&error), reason, "call failed, for now"),
            _ => {}
        }
        p2p_proto::status(code, reason, error.to_string(), error.id())
    }
}
