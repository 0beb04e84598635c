//! Reads what an order came to.

use p2p_domain::OrderId;

use crate::{
    error::Error,
    store::{Counted, Store},
};

/// How an order ended, as it was counted, and its seller's trust now.
///
/// # Errors
/// When no outcome of it was told, the database fails or a row is impossible.
pub async fn get_outcome(store: &Store, order: OrderId) -> Result<Counted, Error> {
    store.outcome(order).await?.ok_or(Error::NoOutcome { order_id: order.to_string() })
}
