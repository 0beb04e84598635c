//! Table `reservations`: its row is what calls about one order wait for.

use p2p_domain::{Energy, OfferId, OrderId, TransactionId};
use sea_orm::{ConnectionTrait, QueryResult};
use serde::{Deserialize, Serialize};

use super::{Tx, row::Row, sql};
use crate::{
    Error,
    domain::{Line, Lot, Reservation, State, Terms},
};

/// Inserts, and reads what never changes about the offers.
const OPEN: &str = "
    WITH born AS (
        INSERT INTO reservations (order_id, transaction_id, status, lines) VALUES ($1, $2, 'HELD', $3)
        ON CONFLICT (order_id) DO NOTHING
        RETURNING order_id
    )
    SELECT EXISTS (SELECT 1 FROM born) AS born, offer.id, offer.item_id, offer.block_qty
    FROM (VALUES (1)) AS always (one)
    LEFT JOIN catalog_offers offer ON offer.id = ANY($4)";

const LOCK: &str = "SELECT order_id, status, reason, lines FROM reservations WHERE order_id = $1 FOR UPDATE";

const BURY: &str = "
    INSERT INTO reservations (order_id, status, reason, lines) VALUES ($1, 'RELEASED', $2, '[]')
    ON CONFLICT (order_id) DO NOTHING";

const UPDATE: &str = "
    UPDATE reservations
    SET status = $2, reason = $3, updated_at = now(), sold_at = CASE WHEN $2 = 'SOLD' THEN now() ELSE sold_at END
    WHERE order_id = $1";

/// An element of `lines`.
#[derive(Serialize, Deserialize)]
struct StoredLine {
    offer_id: OfferId,
    quantity_wh: i64,
}

/// What came of opening a reservation.
#[derive(Debug)]
pub enum Opened {
    /// It is new. These are the terms of those of its offers that are known.
    New(Vec<Terms>),
    /// The order has had one all along.
    Known,
}

impl Tx<'_> {
    /// Writes a new HELD row, unless the order has a row. Waits while another call is about to write it.
    pub(crate) async fn open(
        &self,
        order: OrderId,
        transaction: &TransactionId,
        lines: &[Line],
    ) -> Result<Opened, Error> {
        let offers: Vec<String> = lines.iter().map(|line| line.offer.as_str().to_owned()).collect();
        let values =
            [order.to_string().into(), transaction.as_str().into(), lines_json(lines).into(), offers.into()];
        let rows = self.0.query_all_raw(sql(OPEN, values)).await?;
        if !rows.first().map_or(Ok(false), |row| row.try_get("", "born"))? {
            return Ok(Opened::Known);
        }
        rows.iter()
            .filter_map(|columns| terms(columns).transpose())
            .collect::<Result<_, _>>()
            .map(Opened::New)
    }

    /// The order's reservation, locked.
    pub(crate) async fn lock_reservation(&self, order: OrderId) -> Result<Option<Reservation>, Error> {
        let query = sql(LOCK, [order.to_string().into()]);
        self.0.query_one_raw(query).await?.map(|columns| reservation(order, &columns)).transpose()
    }

    /// Writes a RELEASED row for an order without one, so that nothing can be reserved for it; false if there is
    /// a row.
    pub(crate) async fn bury(&self, order: OrderId, reason: &str) -> Result<bool, Error> {
        let statement = sql(BURY, [order.to_string().into(), reason.into()]);
        Ok(self.0.execute_raw(statement).await?.rows_affected() == 1)
    }

    /// Writes where a locked reservation stands.
    pub(crate) async fn update_reservation(&self, reservation: &Reservation) -> Result<(), Error> {
        let (status, reason) = match &reservation.state {
            State::Held(_) => ("HELD", ""),
            State::Sold(_) => ("SOLD", ""),
            State::Returned(_) => ("RETURNED", ""),
            State::Released { reason, .. } => ("RELEASED", reason.as_str()),
            State::Refused { reason, .. } => ("REFUSED", reason.as_str()),
        };
        let values = [reservation.order.to_string().into(), status.into(), reason.into()];
        self.0.execute_raw(sql(UPDATE, values)).await?;
        Ok(())
    }
}

fn terms(columns: &QueryResult) -> Result<Option<Terms>, Error> {
    if columns.try_get::<Option<String>>("", "id")?.is_none() {
        return Ok(None);
    }
    let row = Row::new("catalog_offers", "", "id", columns)?;
    Ok(Some(Terms {
        offer: row.parsed("id")?,
        item: row.parsed("item_id")?,
        block: row.energy("block_qty")?,
    }))
}

fn reservation(order: OrderId, columns: &QueryResult) -> Result<Reservation, Error> {
    let row = Row::new("reservations", "", "order_id", columns)?;
    let lines: Vec<StoredLine> = row.json("lines")?;
    let lines: Vec<Line> =
        lines.into_iter().map(|l| Line { offer: l.offer_id, quantity_wh: l.quantity_wh }).collect();
    let reason: String = row.get("reason")?;
    let lots = |lines: Vec<Line>| -> Result<Vec<Lot>, Error> {
        lines.into_iter().map(|line| lot(line).map_err(|e| row.impossible(e))).collect()
    };
    let state = match row.get::<String>("status")?.as_str() {
        "HELD" => State::Held(lots(lines)?),
        "SOLD" => State::Sold(lots(lines)?),
        "RETURNED" => State::Returned(lots(lines)?),
        "RELEASED" => State::Released { reason, lots: lots(lines)? },
        "REFUSED" => State::Refused { reason, lines },
        other => return Err(row.impossible(format_args!("status {other}"))),
    };
    Ok(Reservation { order, state })
}

fn lot(line: Line) -> Result<Lot, p2p_domain::EnergyError> {
    Ok(Lot { offer: line.offer, quantity: Energy::from_wh(line.quantity_wh)? })
}

fn lines_json(lines: &[Line]) -> serde_json::Value {
    let lines: Vec<_> = lines
        .iter()
        .map(|line| StoredLine { offer_id: line.offer.clone(), quantity_wh: line.quantity_wh })
        .collect();
    // A list of texts and numbers is always JSON.
    serde_json::to_value(lines).unwrap_or_default()
}
