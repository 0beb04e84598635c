//! Holds blocks for an order: all lines or none.

use crate::{
    Error,
    domain::{Command, Reservation, Wish},
    store::Store,
};

/// Holds, or says why not. An order that has a reservation already is answered with it, whatever its lines.
///
/// # Errors
/// When the database fails. A shortage is an answer.
pub async fn reserve_blocks(store: &Store, wish: Wish) -> Result<Reservation, Error> {
    store.command(Command::Reserve(wish)).await
}
