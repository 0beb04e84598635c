//! Steps that the stock commands share. Each command locks in one order: the reservation, the items, the offers;
//! only then, in statements of their own, does it look at runs. A statement sees what was committed when it
//! began, so one that waited for a lock must not also choose blocks. What needs no item's or offer's lock is written
//! before them: all buyers of a hot offer wait for that lock.

use crate::{
    Error,
    domain::{Lot, Move, Reservation, free},
    store::Tx,
};

/// Moves what a reservation covers within the counters, which must hold it.
pub(super) async fn move_counters(tx: Tx<'_>, to: Move, lots: &[Lot]) -> Result<(), Error> {
    let mut short = tx.move_items(to, lots).await?;
    if short.is_empty() {
        short = tx.move_offers(to, lots).await?;
    }
    match short.first() {
        None => Ok(()),
        Some(offer) => Err(Error::Impossible {
            table: "catalog_offers",
            id: offer.to_string(),
            why: "its counters, or its item's, are below what reservations cover".to_owned(),
        }),
    }
}

/// Frees the runs of a reservation's order and merges them with their free neighbours.
pub(super) async fn free_runs(tx: Tx<'_>, reservation: &Reservation) -> Result<(), Error> {
    for lot in reservation.state.lots() {
        let old = tx.runs_around(&lot.offer, reservation.order).await?;
        tx.replace_runs(&lot.offer, &old, &free(&old)).await?;
    }
    Ok(())
}
