//! Failures of the database.

use std::sync::Arc;

use p2p_runtime::{
    group::Failure,
    postgres::{AsDbErr, is_passing, lost_race},
};
use sea_orm::DbErr;

use crate::{Error, Kind};

/// A failure of the database.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct DatabaseError(Arc<DbErr>);

impl DatabaseError {
    /// Whether the same call may well succeed later.
    pub fn is_passing(&self) -> bool {
        is_passing(&self.0)
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        Self::Database(DatabaseError(Arc::new(error)))
    }
}

impl AsDbErr for Error {
    fn as_db_err(&self) -> Option<&DbErr> {
        match self {
            Self::Database(DatabaseError(error)) => Some(error),
            _ => None,
        }
    }

    fn lost_race(&self) -> bool {
        matches!(self, Self::LostRace) || self.as_db_err().is_some_and(lost_race)
    }
}

impl Failure for Error {
    fn hits_all(&self) -> bool {
        self.kind() == Kind::Unavailable && !self.lost_race()
    }
}
