//! The service's schema: the only place that knows SQL.

mod match_decisions;
mod order_outcomes;
mod provider_trust;

pub use order_outcomes::{Counted, Recorded};

use sea_orm::DatabaseConnection;

/// The schema `matching`.
#[derive(Debug, Clone)]
pub struct Store(DatabaseConnection);

impl Store {
    /// Through a pool.
    pub fn new(db: DatabaseConnection) -> Self {
        Self(db)
    }
}
