//! Tells why a trade got the offer it got.

use crate::{
    domain::{Decision, Trade},
    error::Error,
    store::Store,
};

/// The newest choice that was made for the trade.
///
/// # Errors
/// When there is none, the database fails or the row is impossible.
pub async fn explain_match(store: &Store, trade: Trade) -> Result<Decision, Error> {
    let found = store.newest_decision(&trade).await?;
    found.ok_or(Error::NoDecision { transaction_id: trade.transaction.to_string() })
}
