//! Turns what is held for an order into a sale.

use p2p_domain::OrderId;

use crate::{
    Error,
    domain::{Command, Reservation},
    store::Store,
};

/// Sells. An order that holds nothing is answered with the state it is in.
///
/// # Errors
/// When the order has no reservation, or the database fails.
pub async fn sell_blocks(store: &Store, order: OrderId) -> Result<Reservation, Error> {
    store.command(Command::Sell(order)).await
}
