//! Failures of the database.

use p2p_runtime::postgres::{AsDbErr, is_passing};
use sea_orm::DbErr;

use crate::Error;

/// A failure of the database.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct DatabaseError(DbErr);

impl DatabaseError {
    /// Whether the same call may well succeed later.
    pub fn is_passing(&self) -> bool {
        is_passing(&self.0)
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        Self::Database(DatabaseError(error))
    }
}

impl AsDbErr for Error {
    fn as_db_err(&self) -> Option<&DbErr> {
        match self {
            Self::Database(DatabaseError(error)) => Some(error),
            _ => None,
        }
    }
}
