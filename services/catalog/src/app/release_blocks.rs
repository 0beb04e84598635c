//! Gives back what is held for an order.

use p2p_domain::OrderId;

use super::stock::{free_runs, move_counters};
use crate::{
    Error,
    domain::{Label, Move, Reservation, State},
    store::{Store, Tx},
};

/// Gives back. An unknown order gets a RELEASED row, so that a reservation which arrives late is refused. An order
/// that holds nothing is answered with the state it is in.
///
/// # Errors
/// When the database fails.
pub async fn release_blocks(store: &Store, order: OrderId, reason: Label) -> Result<Reservation, Error> {
    store
        .transact(move |tx| {
            let reason = reason.clone();
            Box::pin(async move { release(tx, order, reason.as_str()).await })
        })
        .await
}

async fn release(tx: Tx<'_>, order: OrderId, reason: &str) -> Result<Reservation, Error> {
    let found = match tx.lock_reservation(order).await? {
        Some(found) => found,
        None if tx.bury(order, reason).await? => {
            let state = State::Released { reason: reason.to_owned(), lots: Vec::new() };
            return Ok(Reservation { order, state });
        }
        // Another call wrote the row in between.
        None => tx.lock_reservation(order).await?.ok_or(Error::ReservationNotFound(order))?,
    };
    let Some(state) = found.state.released(reason) else { return Ok(found) };
    let released = Reservation { order, state };
    tx.update_reservation(&released).await?;
    move_counters(tx, Move::Release, released.state.lots()).await?;
    free_runs(tx, &released).await?;
    Ok(released)
}
