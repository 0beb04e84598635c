//! Counts how orders ended.

use p2p_domain::{OrderId, ProviderId};

use crate::{
    domain::Outcome,
    error::Error,
    store::{Recorded, Store},
};

/// Counts how an order of this provider ended, once: the same order again changes nothing, whatever it says.
///
/// # Errors
/// When the database fails.
pub async fn record_outcome(
    store: &Store,
    order: OrderId,
    provider: &ProviderId,
    outcome: Outcome,
) -> Result<Recorded, Error> {
    store.record_outcome(order, provider, outcome).await
}
