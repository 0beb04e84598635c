//! The counters of items and offers. Moving them takes the rows' locks, in the order of their ids; the guard stands
//! in the update itself.

use p2p_domain::OfferId;
use rust_decimal::Decimal;
use sea_orm::{ConnectionTrait, Value};

use super::{Tx, row::Row, sql};
use crate::{
    Error,
    domain::{Lot, Move},
};

/// A table with counters.
struct Counted {
    table: &'static str,
    /// The row of offer `$1`.
    of_offer: &'static str,
    /// The rows of lots: offer, id, quantity.
    of_lots: &'static str,
}

const ITEMS: Counted = Counted {
    table: "catalog_items",
    of_offer: "(SELECT item_id FROM catalog_offers WHERE id = $1)",
    of_lots: "SELECT asked.offer_id, offer.item_id AS id, asked.qty
              FROM unnest($1::text[], $2::numeric[]) AS asked (offer_id, qty)
              JOIN catalog_offers offer ON offer.id = asked.offer_id",
};

const OFFERS: Counted = Counted {
    table: "catalog_offers",
    of_offer: "$1",
    of_lots: "SELECT asked.offer_id, asked.offer_id AS id, asked.qty
              FROM unnest($1::text[], $2::numeric[]) AS asked (offer_id, qty)",
};

impl Tx<'_> {
    /// Moves the lots within their items' counters. Returns the offers whose items have too little to move: those
    /// items were left as they are.
    pub(crate) async fn move_items(&self, to: Move, lots: &[Lot]) -> Result<Vec<OfferId>, Error> {
        self.move_counters(&ITEMS, to, lots).await
    }

    /// Moves the lots within their offers' counters. Returns the offers that have too little to move: those were
    /// left as they are.
    pub(crate) async fn move_offers(&self, to: Move, lots: &[Lot]) -> Result<Vec<OfferId>, Error> {
        self.move_counters(&OFFERS, to, lots).await
    }

    async fn move_counters(&self, counted: &Counted, to: Move, lots: &[Lot]) -> Result<Vec<OfferId>, Error> {
        match lots {
            [] => Ok(Vec::new()),
            [lot] => self.move_one(counted, to, lot).await,
            lots => self.move_many(counted, to, lots).await,
        }
    }

    /// Nearly all orders are for one offer, and a plain update keeps a hot row locked for less time.
    async fn move_one(&self, counted: &Counted, to: Move, lot: &Lot) -> Result<Vec<OfferId>, Error> {
        let Counted { table, of_offer, .. } = counted;
        let (from, to) = columns(to);
        let text = format!(
            "UPDATE {table} SET {from} = {from} - $2, {to} = {to} + $2, updated_at = now()
             WHERE id = {of_offer} AND {from} >= $2"
        );
        let values = [lot.offer.as_str().into(), lot.quantity.kwh().into()];
        let moved = self.0.execute_raw(sql(&text, values)).await?.rows_affected();
        Ok(if moved == 0 { vec![lot.offer.clone()] } else { Vec::new() })
    }

    /// Locks by id first, so that no two calls wait for each other.
    async fn move_many(&self, counted: &Counted, to: Move, lots: &[Lot]) -> Result<Vec<OfferId>, Error> {
        let Counted { table, of_lots, .. } = counted;
        let (from, to) = columns(to);
        let text = format!(
            "WITH lot AS ({of_lots}),
             wanted AS (SELECT id, sum(qty) AS qty FROM lot GROUP BY id),
             locked AS (SELECT id FROM {table} WHERE id IN (SELECT id FROM wanted) ORDER BY id FOR NO KEY UPDATE),
             moved AS (
                 UPDATE {table} AS stock
                 SET {from} = stock.{from} - wanted.qty, {to} = stock.{to} + wanted.qty, updated_at = now()
                 FROM wanted JOIN locked ON locked.id = wanted.id
                 WHERE stock.id = wanted.id AND stock.{from} >= wanted.qty
                 RETURNING stock.id
             )
             SELECT offer_id FROM lot WHERE id NOT IN (SELECT id FROM moved) ORDER BY offer_id"
        );
        let rows = self.0.query_all_raw(sql(&text, quantities(lots))).await?;
        rows.iter()
            .map(|short| Row::new("catalog_offers", "", "offer_id", short)?.parsed("offer_id"))
            .collect()
    }
}

fn columns(to: Move) -> (&'static str, &'static str) {
    match to {
        Move::Reserve => ("available_qty", "reserved_qty"),
        Move::Sell => ("reserved_qty", "sold_qty"),
        Move::Release => ("reserved_qty", "available_qty"),
        Move::Return => ("sold_qty", "available_qty"),
    }
}

fn quantities(lots: &[Lot]) -> [Value; 2] {
    let offers: Vec<String> = lots.iter().map(|lot| lot.offer.as_str().to_owned()).collect();
    let quantities: Vec<Decimal> = lots.iter().map(|lot| lot.quantity.kwh()).collect();
    [offers.into(), quantities.into()]
}
