//! The only place that knows SQL and sea-orm.

mod batch;
mod check;
mod claim;
mod dead;
mod ends;
mod history;
mod json;
mod keys;
mod load;
mod measure;
#[cfg(any(test, feature = "model"))]
pub(crate) mod memory;
pub(crate) mod op;
mod quotas;
mod read;
mod row;
mod save;
mod writer;

use p2p_runtime::{Stop, Tasks, group::Writer};
use sea_orm::{DatabaseConnection, DbBackend, Statement, Value};

pub use claim::Claimed;
pub use dead::{DeadLetter, DeadPage};
pub use ends::Untold;
pub use keys::{KeyPage, KeyQuery};
pub use op::{Begin, Compose, Finish, Mark, Marked, Perform, Performed, Record, Recorded, Send, Settle};
pub use read::{Event, EventPage, EventQuery, OrderPage, TransactionPage, TransactionRow};

use crate::config::{Periods, Quotas};

/// The service's rows: one writer that commits in groups, and readers beside it.
#[derive(Clone)]
pub struct Store {
    db: DatabaseConnection,
    periods: Periods,
    writer: Writer<writer::Batches>,
}

impl Store {
    /// Starts the writer, which takes nothing new from `stop` on. It has a connection of its own.
    pub fn start(
        db: DatabaseConnection,
        writer: DatabaseConnection,
        (periods, quotas): (Periods, Quotas),
        tasks: &Tasks,
        stop: Stop,
    ) -> Self {
        let writer = Writer::start("order", writer::Batches { db: writer, periods, quotas }, tasks, stop);
        Self { db, periods, writer }
    }
}

fn sql<const N: usize>(text: impl Into<String>, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, text, values)
}

fn millis(period: std::time::Duration) -> i64 {
    period.as_millis().try_into().unwrap_or(i64::MAX)
}
