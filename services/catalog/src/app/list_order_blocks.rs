//! The runs of blocks that an order holds or has bought.

use p2p_domain::OrderId;

use crate::{
    Error,
    store::{OrderRun, Store},
};

/// By offer, then first block; none when the order holds nothing.
///
/// # Errors
/// When the database fails.
pub async fn list_order_blocks(store: &Store, order: OrderId) -> Result<Vec<OrderRun>, Error> {
    store.order_runs(order).await
}
