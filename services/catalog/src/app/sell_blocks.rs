//! Turns what is held for an order into a sale.

use p2p_domain::OrderId;

use super::stock::move_counters;
use crate::{
    Error,
    domain::{Move, Reservation},
    store::{Store, Tx},
};

/// Sells. An order that holds nothing is answered with the state it is in.
///
/// # Errors
/// When the order has no reservation, or the database fails.
pub async fn sell_blocks(store: &Store, order: OrderId) -> Result<Reservation, Error> {
    store.transact(move |tx| Box::pin(sell(tx, order))).await
}

async fn sell(tx: Tx<'_>, order: OrderId) -> Result<Reservation, Error> {
    let Some(found) = tx.lock_reservation(order).await? else {
        return Err(Error::ReservationNotFound(order));
    };
    let Some(state) = found.state.sold() else { return Ok(found) };
    let sold = Reservation { order, state };
    tx.update_reservation(&sold).await?;
    move_counters(tx, Move::Sell, sold.state.lots()).await?;
    tx.sell_runs(order).await?;
    Ok(sold)
}
