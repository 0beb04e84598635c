//! Holds blocks for an order: all lines or none.

use p2p_domain::{OfferId, OrderId, TransactionId};

use crate::{
    Error,
    domain::{Line, Lot, Move, Refusal, Reservation, State, Taken, Terms, lots_of, take},
    store::{Opened, Store, Tx},
};

/// What an order wants.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The order.
    pub order: OrderId,
    /// The trade that it belongs to.
    pub transaction: TransactionId,
    /// One line an offer, by offer id.
    pub lines: Vec<Line>,
}

/// Holds, or says why not. An order that has a reservation already is answered with it, whatever its lines.
///
/// # Errors
/// When the database fails. A shortage is an answer.
pub async fn reserve_blocks(store: &Store, wish: Wish) -> Result<Reservation, Error> {
    store
        .transact(move |tx| {
            let wish = wish.clone();
            Box::pin(async move { reserve(tx, wish).await })
        })
        .await
}

async fn reserve(tx: Tx<'_>, wish: Wish) -> Result<Reservation, Error> {
    let Wish { order, transaction, lines } = wish;
    let terms = match tx.open(order, &transaction, &lines).await? {
        Opened::New(terms) => terms,
        Opened::Known => {
            return tx.lock_reservation(order).await?.ok_or(Error::ReservationNotFound(order));
        }
    };
    let state = match hold(tx, order, &lines, &terms).await? {
        Ok(lots) => State::Held(lots),
        Err(refusal) => State::Refused { reason: refusal.to_string(), lines },
    };
    let reservation = Reservation { order, state };
    if matches!(reservation.state, State::Refused { .. }) {
        tx.update_reservation(&reservation).await?;
    }
    Ok(reservation)
}

async fn hold(
    tx: Tx<'_>,
    order: OrderId,
    lines: &[Line],
    terms: &[Terms],
) -> Result<Result<Vec<Lot>, Refusal>, Error> {
    let lots = match lots_of(lines, terms) {
        Ok(lots) => lots,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Some(refusal) = hold_counters(tx, &lots, terms).await? {
        return Ok(Err(refusal));
    }
    for lot in &lots {
        take_runs(tx, order, lot, terms).await?;
    }
    Ok(Ok(lots))
}

/// Moves all lots to reserved. When one is refused, those that were moved are moved back: their locks are held.
async fn hold_counters(tx: Tx<'_>, lots: &[Lot], terms: &[Terms]) -> Result<Option<Refusal>, Error> {
    let short = tx.move_items(Move::Reserve, lots).await?;
    if let Some(short_terms) = terms.iter().find(|terms| short.contains(&terms.offer)) {
        let Terms { offer, item, .. } = short_terms.clone();
        tx.move_items(Move::Release, &except(lots, &short)).await?;
        return Ok(Some(Refusal::ShortItem { offer, item }));
    }
    let short = tx.move_offers(Move::Reserve, lots).await?;
    if let Some(offer) = short.first() {
        tx.move_offers(Move::Release, &except(lots, &short)).await?;
        tx.move_items(Move::Release, lots).await?;
        return Ok(Some(Refusal::ShortOffer(offer.clone())));
    }
    Ok(None)
}

fn except(lots: &[Lot], offers: &[OfferId]) -> Vec<Lot> {
    lots.iter().filter(|lot| !offers.contains(&lot.offer)).cloned().collect()
}

/// Takes a lot's blocks from the offer's free runs, which the counters say are there.
async fn take_runs(tx: Tx<'_>, order: OrderId, lot: &Lot, terms: &[Terms]) -> Result<(), Error> {
    let block = terms.iter().find(|terms| terms.offer == lot.offer).map_or(1, |terms| terms.block.wh());
    let mut missing = lot.quantity.wh() / block;
    while missing > 0 {
        let free = tx.free_runs(&lot.offer).await?;
        if free.is_empty() {
            return Err(Error::Impossible {
                table: "block_runs",
                id: lot.offer.to_string(),
                why: format!("{missing} free blocks fewer than the offer's counters say"),
            });
        }
        let taken: Taken = take(&free, missing, order);
        tx.replace_runs(&lot.offer, &free, &taken.runs).await?;
        missing = taken.missing;
    }
    Ok(())
}
