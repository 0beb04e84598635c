//! The counters of items and offers. Moving them takes the rows' locks, in the order of their ids.

use p2p_domain::{ItemId, OfferId};
use rust_decimal::Decimal;
use sea_orm::{ConnectionTrait, Value};

use super::{Tx, row::Row, sql};
use crate::{
    Error,
    domain::{Lot, Move},
};

const ITEMS: &str = "
    SELECT offer.item_id AS id, sum(lot.qty) AS qty
    FROM unnest($1::text[], $2::numeric[]) AS lot (offer_id, qty)
    JOIN catalog_offers offer ON offer.id = lot.offer_id
    GROUP BY offer.item_id";

const OFFERS: &str = "SELECT lot.id, lot.qty FROM unnest($1::text[], $2::numeric[]) AS lot (id, qty)";

impl Tx<'_> {
    /// Moves the lots within their items' counters. Returns the items that have too little to move: those
    /// were left as they are.
    pub(crate) async fn move_items(&self, to: Move, lots: &[Lot]) -> Result<Vec<ItemId>, Error> {
        let statement = sql(&moving("catalog_items", ITEMS, to), quantities(lots));
        let rows = self.0.query_all_raw(statement).await?;
        rows.iter().map(|columns| Row::new("catalog_items", "", "id", columns)?.parsed("id")).collect()
    }

    /// Moves the lots within their offers' counters. Returns the offers that have too little to move: those
    /// were left as they are.
    pub(crate) async fn move_offers(&self, to: Move, lots: &[Lot]) -> Result<Vec<OfferId>, Error> {
        let statement = sql(&moving("catalog_offers", OFFERS, to), quantities(lots));
        let rows = self.0.query_all_raw(statement).await?;
        rows.iter().map(|columns| Row::new("catalog_offers", "", "id", columns)?.parsed("id")).collect()
    }
}

/// Locks by id, so that no two calls wait for each other; the guard stands in the update itself.
fn moving(table: &str, wanted: &str, to: Move) -> String {
    let (from, to) = match to {
        Move::Reserve => ("available_qty", "reserved_qty"),
        Move::Sell => ("reserved_qty", "sold_qty"),
        Move::Release => ("reserved_qty", "available_qty"),
        Move::Return => ("sold_qty", "available_qty"),
    };
    format!(
        "WITH wanted AS ({wanted}),
         locked AS (SELECT id FROM {table} WHERE id IN (SELECT id FROM wanted) ORDER BY id FOR NO KEY UPDATE),
         moved AS (
             UPDATE {table} AS stock
             SET {from} = stock.{from} - wanted.qty, {to} = stock.{to} + wanted.qty, updated_at = now()
             FROM wanted JOIN locked ON locked.id = wanted.id
             WHERE stock.id = wanted.id AND stock.{from} >= wanted.qty
             RETURNING stock.id
         )
         SELECT id FROM wanted WHERE id NOT IN (SELECT id FROM moved) ORDER BY id"
    )
}

fn quantities(lots: &[Lot]) -> [Value; 2] {
    let offers: Vec<String> = lots.iter().map(|lot| lot.offer.as_str().to_owned()).collect();
    let quantities: Vec<Decimal> = lots.iter().map(|lot| lot.quantity.kwh()).collect();
    [offers.into(), quantities.into()]
}
