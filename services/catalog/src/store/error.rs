//! Failures of the database.

use p2p_runtime::postgres::{AsDbErr, sql_state};
use sea_orm::{DbErr, RuntimeErr, sqlx};

use crate::Error;

/// SQLSTATE classes and codes of what passes: connection lost, out of resources, server going down or starting,
/// a timeout, a race lost too often.
const PASSING_CLASSES: [&str; 3] = ["08", "53", "57"];
const PASSING_CODES: [&str; 4] = ["25P03", "40001", "40P01", "55P03"];

/// A failure of the database.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct DatabaseError(DbErr);

impl DatabaseError {
    /// Whether the same call may well succeed later.
    pub fn is_passing(&self) -> bool {
        if let Some(state) = sql_state(&self.0) {
            return PASSING_CLASSES.iter().any(|class| state.starts_with(class))
                || PASSING_CODES.contains(&state.as_str());
        }
        match &self.0 {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
            DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
                is_broken_connection(error)
            }
            _ => false,
        }
    }
}

fn is_broken_connection(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
    )
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
