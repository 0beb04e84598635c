//! Locks and reads what stock commands are about.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, QueryResult};

use super::{Tx, reservations::reservation, row::Row, sql};
use crate::{
    Error,
    domain::{Command, Line, Shelf, Stock},
};

/// The reservations of the orders, the items, then the offers, each by id: so that no two batches wait for each other.
/// `wanted` counts all reservations and `offer` all items, which are locked by then. What others committed while this
/// waited for a lock is read, but a reservation that they wrote meanwhile is not found: whoever writes it too will
/// learn that they lost a race.
const LOCK: &str = "
    WITH reservation AS MATERIALIZED (
        SELECT order_id, transaction_id, status, reason, lines FROM reservations
        WHERE order_id = ANY ($1) ORDER BY order_id FOR UPDATE
    ), wanted AS MATERIALIZED (
        SELECT array_agg(offer_id) AS offers FROM (
            SELECT unnest($2::text[]) UNION
            SELECT line ->> 'offer_id' FROM reservation CROSS JOIN LATERAL jsonb_array_elements(lines) AS line
        ) AS line (offer_id)
    ), item AS MATERIALIZED (
        SELECT id, available_qty, reserved_qty, sold_qty FROM catalog_items
        WHERE id = ANY (ARRAY(
            SELECT item_id FROM catalog_offers WHERE id = ANY ((SELECT offers FROM wanted)::text[])
        ))
        ORDER BY id FOR NO KEY UPDATE
    ), offer AS MATERIALIZED (
        SELECT id, item_id, block_qty, available_qty, reserved_qty, sold_qty, withdrawn_at FROM catalog_offers
        WHERE id = ANY ((SELECT offers FROM wanted)::text[]) AND (SELECT count(*) FROM item) > 0
        ORDER BY id FOR NO KEY UPDATE
    )
    SELECT 'reservation' AS kind, order_id AS id, transaction_id, status, reason, lines, NULL AS item_id,
           NULL::numeric AS block_qty, NULL::numeric AS available_qty, NULL::numeric AS reserved_qty,
           NULL::numeric AS sold_qty, NULL::boolean AS withdrawn
    FROM reservation
    UNION ALL
    SELECT 'item', id, NULL, NULL, NULL, NULL, NULL, NULL, available_qty, reserved_qty, sold_qty, NULL FROM item
    UNION ALL
    SELECT 'offer', id, NULL, NULL, NULL, NULL, item_id, block_qty, available_qty, reserved_qty, sold_qty,
           withdrawn_at IS NOT NULL
    FROM offer";

impl Tx<'_> {
    /// What the commands are about, locked.
    pub(super) async fn lock(&self, commands: &[Command]) -> Result<Stock, Error> {
        let orders: BTreeSet<String> = commands.iter().map(|command| command.order().to_string()).collect();
        let offers: BTreeSet<&str> =
            commands.iter().flat_map(lines).map(|line| line.offer.as_str()).collect();
        let orders: Vec<String> = orders.into_iter().collect();
        let offers: Vec<String> = offers.into_iter().map(str::to_owned).collect();
        let mut stock = Stock::default();
        for columns in self.0.query_all_raw(sql(LOCK, [orders.into(), offers.into()])).await? {
            read(&columns, &mut stock)?;
        }
        Ok(stock)
    }
}

/// What a command asks for by itself.
pub(super) fn lines(command: &Command) -> &[Line] {
    match command {
        Command::Reserve(wish) => &wish.lines,
        Command::Sell(_) | Command::Release(..) | Command::Return(_) => &[],
    }
}

fn read(columns: &QueryResult, stock: &mut Stock) -> Result<(), Error> {
    match columns.try_get::<String>("", "kind")?.as_str() {
        "reservation" => {
            let reservation = reservation(columns)?;
            stock.reservations.insert(reservation.order, reservation);
        }
        "item" => {
            let row = Row::new("catalog_items", "", "id", columns)?;
            stock.items.insert(row.parsed("id")?, row.counters()?);
        }
        _offer => {
            let row = Row::new("catalog_offers", "", "id", columns)?;
            let shelf = Shelf {
                item: row.parsed("item_id")?,
                block: row.energy("block_qty")?,
                stock: row.counters()?,
                withdrawn: row.get("withdrawn")?,
            };
            stock.offers.insert(row.parsed("id")?, shelf);
        }
    }
    Ok(())
}
