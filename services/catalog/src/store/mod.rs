//! Schema `catalog` of PostgreSQL: the only place that knows SQL.

mod batch;
mod check;
mod error;
mod items;
mod listings;
mod lock;
mod offers;
mod past;
mod pick;
mod providers;
mod published;
mod quotas;
mod reservations;
mod row;
mod runs;
mod save;
mod walk;

pub use check::Violation;
pub use error::DatabaseError;
pub use runs::OrderRun;
pub use walk::{End, Seen, Stage};

use p2p_runtime::{
    Stop, Tasks,
    group::Writer,
    postgres::{self, InTransaction},
};
use sea_orm::{DatabaseConnection, DatabaseTransaction, DbBackend, Statement, Value};

use crate::{Config, Error, Quotas};

/// The catalog's tables: one writer that commits stock commands in groups, and transactions beside it.
#[derive(Clone)]
pub struct Store {
    db: DatabaseConnection,
    commands: Writer<batch::Batches>,
    quotas: Quotas,
}

/// The tables within a transaction.
#[derive(Clone, Copy)]
pub struct Tx<'a>(&'a DatabaseTransaction);

impl Store {
    /// Starts the writer, which has a connection of its own and takes nothing new from `stop` on. Connects when it is
    /// first used.
    ///
    /// # Errors
    /// When the database's URL is none.
    pub async fn start(config: &Config, tasks: &Tasks, stop: Stop) -> Result<Self, Error> {
        let db = postgres::connect(&config.database).await?;
        let writer = postgres::connect_writer(&config.database).await?;
        let batches = batch::Batches { db: writer, picking: config.picking };
        Ok(Self { db, commands: Writer::start("catalog", batches, tasks, stop), quotas: config.quotas })
    }

    /// The pool, whose health is the service's.
    pub fn pool(&self) -> DatabaseConnection {
        self.db.clone()
    }

    /// How much one provider may have.
    pub(crate) fn quotas(&self) -> Quotas {
        self.quotas
    }

    /// Runs the work in one transaction, again when it lost a race; an error rolls everything back.
    pub(crate) async fn transact<T, W>(&self, work: W) -> Result<T, Error>
    where
        W: for<'a> Fn(Tx<'a>) -> InTransaction<'a, T, Error>,
    {
        postgres::transact(&self.db, |transaction| work(Tx(transaction))).await
    }
}

fn sql<const N: usize>(text: &str, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, text, values)
}
