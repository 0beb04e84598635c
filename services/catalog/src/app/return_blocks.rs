//! Takes sold blocks back into stock.

use p2p_domain::OrderId;

use crate::{
    Error,
    domain::{Command, Reservation},
    store::Store,
};

/// Takes back. An order that has bought nothing is answered with the state it is in.
///
/// # Errors
/// When the order has no reservation, or the database fails.
pub async fn return_blocks(store: &Store, order: OrderId) -> Result<Reservation, Error> {
    store.command(Command::Return(order)).await
}
