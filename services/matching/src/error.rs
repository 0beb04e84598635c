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
            Self::ReadTrust(source) | Self::WriteTrust { source, .. } | Self::Transaction(source) => {
                database_kind(source)
            }
            Self::ImpossibleProvider { .. } | Self::ImpossibleTrust { .. } => Kind::Internal,
        }
    }
}

impl AsDbErr for Error {
    fn as_db_err(&self) -> Option<&DbErr> {
        match self {
            Self::ReadTrust(source) | Self::WriteTrust { source, .. } | Self::Transaction(source) => {
                Some(source)
            }
            Self::Request(_)
            | Self::TooManyProviders { .. }
            | Self::ImpossibleProvider { .. }
            | Self::ImpossibleTrust { .. } => None,
        }
    }
}

/// No answer at all, or one of a class that passes (connection, rollback, resources, locks, shutdown), can go away
/// by itself; any other answer of PostgreSQL will be the same next time.
fn database_kind(error: &DbErr) -> Kind {
    if is_passing(error) { Kind::DatabaseUnavailable } else { Kind::Internal }
}
