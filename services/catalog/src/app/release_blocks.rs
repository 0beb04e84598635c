//! Gives back what is held for an order.

use p2p_domain::OrderId;

use crate::{
    Error,
    domain::{Command, Label, Reservation},
    store::Store,
};

/// Gives back. An unknown order gets a RELEASED row, so that a reservation which arrives late is refused. An order
/// that holds nothing is answered with the state it is in.
///
/// # Errors
/// When the database fails.
pub async fn release_blocks(store: &Store, order: OrderId, reason: Label) -> Result<Reservation, Error> {
    store.command(Command::Release(order, reason)).await
}
