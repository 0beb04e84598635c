//! Looks for what contradicts itself in the stock.

use crate::{
    Error,
    store::{Store, Violation},
};

/// What breaks a rule, as all of it was at one moment; at most 100 rows of each rule.
///
/// # Errors
/// When the database fails.
pub async fn check_stock(store: &Store) -> Result<Vec<Violation>, Error> {
    store.check().await
}
