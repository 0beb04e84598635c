//! What a failure of the database means for the one who asked.

use sea_orm::{DbErr, RuntimeErr, sqlx};

/// SQLSTATE classes and codes of what passes: connection lost, out of resources, server going down or starting,
/// a timeout, a race lost too often, a server that is a standby until it takes over.
const PASSING_CLASSES: [&str; 3] = ["08", "53", "57"];
const PASSING_CODES: [&str; 5] = ["25006", "25P03", "40001", "40P01", "55P03"];

/// Errors that may stem from the database.
pub trait AsDbErr {
    /// The database's error, if it is one.
    fn as_db_err(&self) -> Option<&DbErr>;

    /// Whether the same transaction can be expected to succeed when it is run again at once.
    fn lost_race(&self) -> bool {
        self.as_db_err().is_some_and(lost_race)
    }
}

impl AsDbErr for DbErr {
    fn as_db_err(&self) -> Option<&DbErr> {
        Some(self)
    }
}

fn driver(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(e))
        | DbErr::Query(RuntimeErr::SqlxError(e))
        | DbErr::Conn(RuntimeErr::SqlxError(e)) => Some(e),
        _ => None,
    }
}

/// The SQLSTATE of an error, if PostgreSQL gave one.
pub fn sql_state(error: &DbErr) -> Option<String> {
    Some(driver(error)?.as_database_error()?.code()?.into_owned())
}

/// Whether the same transaction can be expected to succeed when it is run again at once.
pub fn lost_race(error: &DbErr) -> bool {
    matches!(sql_state(error).as_deref(), Some("40001" | "40P01"))
}

/// Whether the same call may well succeed later.
pub fn is_passing(error: &DbErr) -> bool {
    if let Some(state) = sql_state(error) {
        return PASSING_CLASSES.iter().any(|class| state.starts_with(class))
            || PASSING_CODES.contains(&state.as_str());
    }
    matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_))
        || driver(error).is_some_and(is_broken_connection)
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
