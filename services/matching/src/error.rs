//! What can go wrong.

use p2p_domain::{IdError, TrustError};
use p2p_runtime::postgres::{AsDbErr, is_passing};
use sea_orm::DbErr;

use crate::domain::RequestError;

/// Why the service did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What is asked cannot be ranked.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Trust in too many providers was asked for.
    #[error("trust can be read of at most {most} providers at once, but {asked} are asked for")]
    TooManyProviders {
        /// The bound.
        most: usize,
        /// What was asked.
        asked: usize,
    },
    /// Trust could not be read.
    #[error("cannot read trust")]
    ReadTrust(#[source] DbErr),
    /// Trust could not be written.
    #[error("cannot write the trust of {provider_id}")]
    WriteTrust {
        /// Whose.
        provider_id: String,
        /// What the database said.
        #[source]
        source: DbErr,
    },
    /// Trust could not be written together with what it follows from.
    #[error("cannot write trust in one transaction")]
    Transaction(#[from] DbErr),
    /// No outcome of the order was told.
    #[error("no outcome of order {order_id} was counted")]
    NoOutcome {
        /// Which.
        order_id: String,
    },
    /// An outcome could not be read.
    #[error("cannot read an outcome")]
    ReadOutcome(#[source] DbErr),
    /// A row of `order_outcomes` whose outcome is none.
    #[error("order_outcomes has an impossible outcome {outcome:?} for {order_id}")]
    ImpossibleOutcome {
        /// Which order.
        order_id: String,
        /// What is stored.
        outcome: String,
    },
    /// No choice was made for the trade, or it was forgotten.
    #[error("no match is known of transaction {transaction_id}")]
    NoDecision {
        /// Which.
        transaction_id: String,
    },
    /// A choice could not be read.
    #[error("cannot read a match")]
    ReadDecision(#[source] DbErr),
    /// Choices could not be written or removed.
    #[error("cannot write matches")]
    WriteDecisions(#[source] DbErr),
    /// A row of `match_decisions` that is no choice.
    #[error("match_decisions has an impossible row for transaction {transaction_id}")]
    ImpossibleDecision {
        /// Which.
        transaction_id: String,
        /// What is wrong with it.
        #[source]
        why: anyhow::Error,
    },
    /// A row of `provider_trust` whose key is no provider.
    #[error("provider_trust has an impossible provider_id {provider_id:?}")]
    ImpossibleProvider {
        /// The key.
        provider_id: String,
        /// What is wrong with it.
        #[source]
        source: IdError,
    },
    /// A row of `provider_trust` whose numbers are no trust.
    #[error("provider_trust has an impossible row for {provider_id}")]
    ImpossibleTrust {
        /// Whose.
        provider_id: String,
        /// What is wrong with them.
        #[source]
        source: TrustError,
    },
}

/// What a caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ask for more than nothing.
    NothingWanted,
    /// Ask about fewer at once.
    TooMany,
    /// Ask in one currency.
    MixedCurrencies,
    /// Ask for another order: this one did not end, or says nothing.
    NoOutcome,
    /// Ask for another trade: the best offer was not taken for this one, or too long ago.
    NoDecision,
    /// Ask again later.
    DatabaseUnavailable,
    /// Nothing: it is a defect of ours.
    Internal,
}

impl Error {
    /// What a caller can do about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Request(RequestError::NothingWanted) => Kind::NothingWanted,
            Self::Request(RequestError::MixedCurrencies(..)) => Kind::MixedCurrencies,
            Self::Request(RequestError::TooManyCandidates(_)) | Self::TooManyProviders { .. } => {
                Kind::TooMany
            }
            Self::NoOutcome { .. } => Kind::NoOutcome,
            Self::NoDecision { .. } => Kind::NoDecision,
            Self::ReadTrust(source)
            | Self::WriteTrust { source, .. }
            | Self::ReadOutcome(source)
            | Self::ReadDecision(source)
            | Self::WriteDecisions(source)
            | Self::Transaction(source) => database_kind(source),
            Self::ImpossibleProvider { .. }
            | Self::ImpossibleTrust { .. }
            | Self::ImpossibleOutcome { .. }
            | Self::ImpossibleDecision { .. } => Kind::Internal,
        }
    }

    /// The id that it is about, by its name.
    pub fn id(&self) -> Option<(&'static str, String)> {
        match self {
            Self::NoOutcome { order_id } => Some(("order_id", order_id.clone())),
            Self::NoDecision { transaction_id } => Some(("transaction_id", transaction_id.clone())),
            _ => None,
        }
    }
}

impl AsDbErr for Error {
    fn as_db_err(&self) -> Option<&DbErr> {
        match self {
            Self::ReadTrust(source)
            | Self::WriteTrust { source, .. }
            | Self::ReadOutcome(source)
            | Self::ReadDecision(source)
            | Self::WriteDecisions(source)
            | Self::Transaction(source) => Some(source),
            Self::Request(_)
            | Self::TooManyProviders { .. }
            | Self::NoOutcome { .. }
            | Self::NoDecision { .. }
            | Self::ImpossibleProvider { .. }
            | Self::ImpossibleTrust { .. }
            | Self::ImpossibleOutcome { .. }
            | Self::ImpossibleDecision { .. } => None,
        }
    }
}

/// No answer at all, or one of a class that passes (connection, rollback, resources, locks, shutdown), can go away
/// by itself; any other answer of PostgreSQL will be the same next time.
fn database_kind(error: &DbErr) -> Kind {
    if is_passing(error) { Kind::DatabaseUnavailable } else { Kind::Internal }
}
