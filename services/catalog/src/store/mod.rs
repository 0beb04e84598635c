//! Schema `catalog` of PostgreSQL: the only place that knows SQL.

mod counters;
mod error;
mod items;
mod listings;
mod offers;
mod reservations;
mod row;
mod runs;

pub use error::DatabaseError;
pub use reservations::Opened;
pub use runs::OrderRun;

use p2p_runtime::postgres::{self, InTransaction};
use sea_orm::{DatabaseConnection, DatabaseTransaction, DbBackend, Statement, Value};

use crate::Error;

/// The catalog's tables.
#[derive(Debug, Clone)]
pub struct Store(DatabaseConnection);

/// The tables within a transaction.
#[derive(Clone, Copy)]
pub struct Tx<'a>(&'a DatabaseTransaction);

impl Store {
    /// Connects when it is first used.
    ///
    /// # Errors
    /// When the URL is none.
    pub async fn connect(config: &postgres::Config) -> Result<Self, Error> {
        Ok(Self(postgres::connect(config).await?))
    }

    /// The pool, whose health is the service's.
    pub fn pool(&self) -> DatabaseConnection {
        self.0.clone()
    }

    /// Runs the work in one transaction, again when it lost a race; an error rolls everything back.
    pub(crate) async fn transact<T, W>(&self, work: W) -> Result<T, Error>
    where
        W: for<'a> Fn(Tx<'a>) -> InTransaction<'a, T, Error>,
    {
        postgres::transact(&self.0, |transaction| work(Tx(transaction))).await
    }
}

fn sql<const N: usize>(text: &str, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, text, values)
}
