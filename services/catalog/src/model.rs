//! The rules of stock over rows in memory, for models of the whole: what a command decides is decided by the same code
//! as in the service. Only what SQL does is said again: which runs are read and written.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use p2p_domain::{Energy, EnergyError, ItemId, OfferId};

use crate::domain::{
    Changes, Command, Counters, Move, Reservation, Run, Shelf, Stock, Undecided, Use, free, take,
};

/// An item, its offers, their blocks, and the reservations of orders, as they are committed.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    stock: Stock,
    runs: BTreeMap<OfferId, Vec<Run>>,
    totals: (Energy, BTreeMap<OfferId, Energy>),
}

impl Rows {
    /// An item of so many kWh, and offers of it: their ids, kWh and kWh a block.
    ///
    /// # Errors
    /// When one of them is no energy.
    pub fn new(item: (ItemId, i64), offers: Vec<(OfferId, i64, i64)>) -> Result<Self, EnergyError> {
        let energy = |kwh: i64| Energy::from_wh(kwh * Energy::KWH.wh());
        let mut rows = Self::default();
        for (offer, kwh, block) in offers {
            let stock = Counters::all_free(energy(kwh)?);
            let shelf = Shelf { item: item.0.clone(), block: energy(block)?, stock, withdrawn: false };
            rows.stock.offers.insert(offer.clone(), shelf);
            rows.runs.insert(offer.clone(), vec![Run { first: 0, blocks: kwh / block, used: Use::Free }]);
            rows.totals.1.insert(offer, energy(kwh)?);
        }
        rows.totals.0 = energy(item.1)?;
        rows.stock.items.insert(item.0, Counters::all_free(rows.totals.0));
        Ok(rows)
    }

    /// Counters and reservations.
    pub fn stock(&self) -> &Stock {
        &self.stock
    }

    /// Takes an offer off sale.
    pub fn withdraw(&mut self, offer: &OfferId) {
        if let Some(shelf) = self.stock.offers.get_mut(offer) {
            shelf.withdrawn = true;
        }
    }

    /// Does what commands say, in one transaction. None: the blocks do not suffice for what the counters let through,
    /// and nothing is committed.
    pub fn commit(&mut self, commands: &[Command]) -> Option<Vec<Result<Reservation, Undecided>>> {
        let mut after = self.stock.clone();
        let answers = commands.iter().map(|command| after.decide(command)).collect();
        let changes = Changes::between(&self.stock, &after);
        let mut runs = self.runs.clone();
        for (offer, runs) in &mut runs {
            *runs = picked(runs, offer, &changes)?;
        }
        (self.stock, self.runs) = (after, runs);
        Some(answers)
    }

    /// What contradicts invariants 1 and 2 of the design.
    pub fn violation(&self) -> Option<String> {
        self.of_counters().or_else(|| self.stock.offers.keys().find_map(|offer| self.of_runs(offer)))
    }

    fn of_counters(&self) -> Option<String> {
        let stock = &self.stock;
        let (of_item, of_offers) = &self.totals;
        let items = stock.items.values().map(|counters| (*counters, *of_item));
        let offers = stock.offers.iter().map(|(offer, shelf)| (shelf.stock, of_offers[offer]));
        let wrong = items.chain(offers).find(|(counters, total)| counters.total() != Some(*total));
        if let Some((counters, total)) = wrong {
            return Some(format!("{counters:?} are not {total} kWh"));
        }
        let mut covered = self.totals.1.iter().map(|(o, kwh)| (o, Counters::all_free(*kwh))).collect();
        let fits = stock.reservations.values().all(|reservation| covers(&mut covered, reservation).is_some());
        let agree = covered.iter().all(|(offer, counters)| stock.offers[offer].stock == *counters);
        (!fits || !agree)
            .then(|| format!("reservations cover {covered:?}, the offers say {:?}", stock.offers))
    }

    fn of_runs(&self, offer: &OfferId) -> Option<String> {
        let (runs, shelf) = (&self.runs[offer], &self.stock.offers[offer]);
        let mut end = 0;
        let tiles = runs.iter().all(|run| {
            let meets = run.first == end && run.blocks > 0;
            end += run.blocks;
            meets
        });
        let whole = shelf.stock.total().is_some_and(|total| total.wh() == end * shelf.block.wh());
        if !tiles || !whole {
            return Some(format!("{runs:?} do not tile offer {offer}"));
        }
        let taken = runs.iter().filter_map(|run| run.used.order());
        let known = self.stock.reservations.keys().copied();
        let mut orders: Vec<_> = taken.chain(known).collect();
        orders.sort_unstable();
        orders.dedup();
        orders.into_iter().find_map(|order| {
            let reservation = self.stock.reservations.get(&order);
            let used = reservation.map_or(Use::Free, Reservation::used);
            let lots = reservation.filter(|_| used != Use::Free).map_or(&[][..], |r| r.state.lots());
            let wanted: i64 =
                lots.iter().filter(|lot| lot.offer == *offer).map(|lot| lot.quantity.wh()).sum();
            let own = || runs.iter().filter(|run| run.used.order() == Some(order));
            let has: i64 = own().map(|run| run.blocks * shelf.block.wh()).sum();
            let agree = has == wanted && own().all(|run| run.used == used);
            (!agree)
                .then(|| format!("order {order} has {has} Wh of offer {offer}: {runs:?}, {reservation:?}"))
        })
    }
}

/// What becomes of an offer's runs: as the store reads them, frees and takes.
fn picked(runs: &[Run], offer: &OfferId, changes: &Changes) -> Option<Vec<Run>> {
    let is_freed = |run: &Run| run.used.order().is_some_and(|order| changes.freed.contains(&order));
    let (read, rest): (Vec<Run>, Vec<Run>) =
        runs.iter().copied().partition(|run| run.used == Use::Free || is_freed(run));
    let wanted = changes.taken.get(offer).map_or(&[][..], Vec::as_slice);
    let sold = |run: Run| match run.used {
        Use::Held(taker) if run.used.order().is_some_and(|order| changes.sold.contains(&order)) => {
            Run { used: Use::Sold(taker), ..run }
        }
        _ => run,
    };
    let mut picked: Vec<Run> =
        take(&free(&read), wanted)?.into_iter().chain(rest.into_iter().map(sold)).collect();
    picked.sort_by_key(|run| run.first);
    Some(picked)
}

/// Moves what a reservation covers within counters that were all free.
fn covers(offers: &mut BTreeMap<&OfferId, Counters>, reservation: &Reservation) -> Option<()> {
    let moves: &[Move] = match reservation.used() {
        Use::Free => &[],
        Use::Held(_) => &[Move::Reserve],
        Use::Sold(_) => &[Move::Reserve, Move::Sell],
    };
    for lot in reservation.state.lots() {
        let counters = offers.get_mut(&lot.offer)?;
        for to in moves {
            *counters = counters.moved(*to, lot.quantity)?;
        }
    }
    Some(())
}
