//! Writes what stock commands changed, in one statement.

use p2p_domain::Energy;
use p2p_runtime::postgres::{Parts, column};

use super::{
    Tx,
    pick::RunChanges,
    reservations::{lines_json, status},
};
use crate::{
    Error,
    domain::{Changes, Counters, Reservation},
};

impl Tx<'_> {
    /// Writes what was decided on locked rows. A reservation that another process has opened meanwhile is a lost race:
    /// run again, the commands find it.
    pub(super) async fn save(&self, changes: &Changes, runs: &RunChanges) -> Result<(), Error> {
        let mut parts = Parts::default();
        opened(&mut parts, &changes.opened);
        moved(&mut parts, &changes.moved);
        counters(&mut parts, "catalog_items", &changes.items);
        counters(&mut parts, "catalog_offers", &changes.offers);
        let sold = &changes.sold;
        parts.push(
            sold.len(),
            "UPDATE block_runs SET status = 'SOLD' WHERE order_id = ANY ($1)",
            [column(sold, ToString::to_string)],
        );
        runs.write(&mut parts);
        if parts.execute(self.0).await? { Ok(()) } else { Err(Error::LostRace) }
    }
}

fn opened(parts: &mut Parts, rows: &[Reservation]) {
    let transaction = |r: &Reservation| r.transaction.as_ref().map(ToString::to_string).unwrap_or_default();
    parts.push_exactly(
        rows.len(),
        "INSERT INTO reservations (order_id, transaction_id, status, reason, lines, sold_at)
         SELECT order_id, nullif(transaction_id, ''), status, reason, lines,
                CASE WHEN status IN ('SOLD', 'RETURNED') THEN now() END
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[])
              AS k (order_id, transaction_id, status, reason, lines)
         ORDER BY order_id
         ON CONFLICT (order_id) DO NOTHING",
        [
            column(rows, |r| r.order.to_string()),
            column(rows, transaction),
            column(rows, |r| status(&r.state).0.to_owned()),
            column(rows, |r| status(&r.state).1.to_owned()),
            column(rows, |r| lines_json(&r.state)),
        ],
    );
}

fn moved(parts: &mut Parts, rows: &[Reservation]) {
    parts.push_exactly(
        rows.len(),
        "UPDATE reservations r
         SET status = k.status, reason = k.reason, updated_at = now(),
             sold_at = CASE WHEN k.status IN ('SOLD', 'RETURNED') THEN coalesce(r.sold_at, now()) END
         FROM unnest($1::text[], $2::text[], $3::text[]) AS k (order_id, status, reason)
         WHERE r.order_id = k.order_id",
        [
            column(rows, |r| r.order.to_string()),
            column(rows, |r| status(&r.state).0.to_owned()),
            column(rows, |r| status(&r.state).1.to_owned()),
        ],
    );
}

/// The constraints of both tables let no part go below zero, and the sum not change.
fn counters<K: ToString>(parts: &mut Parts, table: &str, rows: &[(K, Counters)]) {
    let kwh = |of: fn(&Counters) -> Energy| column(rows, move |(_, counters)| of(counters).kwh());
    parts.push_exactly(
        rows.len(),
        &format!(
            "UPDATE {table} stock
             SET available_qty = k.available, reserved_qty = k.reserved, sold_qty = k.sold, updated_at = now()
             FROM unnest($1::text[], $2::numeric[], $3::numeric[], $4::numeric[]) AS k (id, available, reserved, sold)
             WHERE stock.id = k.id"
        ),
        [
            column(rows, |(id, _)| id.to_string()),
            kwh(|counters| counters.available),
            kwh(|counters| counters.reserved),
            kwh(|counters| counters.sold),
        ],
    );
}
