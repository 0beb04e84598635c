//! Takes sold blocks back into stock.

use p2p_domain::OrderId;

use super::stock::{free_runs, move_counters};
use crate::{
    Error,
    domain::{Move, Reservation},
    store::{Store, Tx},
};

/// Takes back. An order that has bought nothing is answered with the state it is in.
///
/// # Errors
/// When the order has no reservation, or the database fails.
pub async fn return_blocks(store: &Store, order: OrderId) -> Result<Reservation, Error> {
    store.transact(move |tx| Box::pin(take_back(tx, order))).await
}

async fn take_back(tx: Tx<'_>, order: OrderId) -> Result<Reservation, Error> {
    let Some(found) = tx.lock_reservation(order).await? else {
        return Err(Error::ReservationNotFound(order));
    };
    let Some(state) = found.state.returned() else { return Ok(found) };
    let returned = Reservation { order, state };
    tx.update_reservation(&returned).await?;
    move_counters(tx, Move::Return, returned.state.lots()).await?;
    free_runs(tx, &returned).await?;
    Ok(returned)
}
