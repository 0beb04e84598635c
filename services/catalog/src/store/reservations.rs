//! Table `reservations`: its row is what commands about one order wait for.

use chrono::{DateTime, Utc};
use p2p_domain::{Energy, OfferId, OrderId, TransactionId};
use p2p_runtime::postgres::column;
use sea_orm::{ConnectionTrait, QueryResult};
use serde::{Deserialize, Serialize};

use super::{Store, row::Row, sql};
use crate::{
    Error,
    domain::{Line, Lot, Reservation, Sought, State, Status},
};

const BY_ORDER: &str = "
    SELECT order_id AS id, transaction_id, status, reason, lines FROM reservations WHERE order_id = ANY ($1)";

/// Those that changed lately, or that are held: they are found by status and age, then put in order.
const FEW: &str = "
    WITH found AS MATERIALIZED (
        SELECT order_id AS id, transaction_id, status, reason, lines FROM reservations
        WHERE status = ANY ($1) AND updated_at < $4 AND updated_at >= $5
    )
    SELECT * FROM found WHERE id > $2 ORDER BY id LIMIT $3";

/// Most rows may pass: they are walked in order. The last parameter is but there because the other query has it.
const MANY: &str = "
    SELECT order_id AS id, transaction_id, status, reason, lines FROM reservations
    WHERE order_id > $2 AND status = ANY ($1) AND updated_at < $4 AND $5::timestamptz IS NOT NULL
    ORDER BY order_id LIMIT $3";

/// An element of `lines`.
#[derive(Serialize, Deserialize)]
struct StoredLine {
    offer_id: OfferId,
    quantity_wh: i64,
}

impl Store {
    /// Those that are known, in any order.
    pub(crate) async fn reservations(&self, orders: &[OrderId]) -> Result<Vec<Reservation>, Error> {
        let orders = column(orders, ToString::to_string);
        self.db.query_all_raw(sql(BY_ORDER, [orders])).await?.iter().map(reservation).collect()
    }

    /// By order id: one more than the page has if more follow.
    pub(crate) async fn list_reservations(&self, sought: &Sought) -> Result<Vec<Reservation>, Error> {
        // Older than any row, and no year that the database does not know.
        let since = sought.changed_since.unwrap_or_default().max(DateTime::UNIX_EPOCH);
        let before = sought.unchanged_since.unwrap_or(DateTime::<Utc>::MAX_UTC).max(DateTime::UNIX_EPOCH);
        let values = [
            column(&sought.statuses, |status| status_text(*status).to_owned()),
            sought.after.map(|order| order.to_string()).unwrap_or_default().into(),
            sought.page.and_one().into(),
            before.into(),
            since.into(),
        ];
        let few = sought.changed_since.is_some() || sought.statuses == [Status::Held];
        let query = if few { FEW } else { MANY };
        self.db.query_all_raw(sql(query, values)).await?.iter().map(reservation).collect()
    }
}

fn status_text(status: Status) -> &'static str {
    match status {
        Status::Held => "HELD",
        Status::Sold => "SOLD",
        Status::Returned => "RETURNED",
        Status::Released => "RELEASED",
        Status::Refused => "REFUSED",
    }
}

/// Columns `status` and `reason`.
pub(super) fn status(state: &State) -> (&'static str, &str) {
    let reason = match state {
        State::Held(_) | State::Sold(_) | State::Returned(_) => "",
        State::Released { reason, .. } | State::Refused { reason, .. } => reason,
    };
    (status_text(state.status()), reason)
}

/// A reservation from columns, of which `id` is the order's.
pub(super) fn reservation(columns: &QueryResult) -> Result<Reservation, Error> {
    let row = Row::new("reservations", "", "id", columns)?;
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
    let transaction: Option<String> = row.get("transaction_id")?;
    let transaction = transaction.map(|text| TransactionId::parse(&text)).transpose();
    Ok(Reservation {
        order: row.parsed("id")?,
        transaction: transaction.map_err(|e| row.impossible(format_args!("transaction_id: {e}")))?,
        state,
    })
}

fn lot(line: Line) -> Result<Lot, p2p_domain::EnergyError> {
    Ok(Lot { offer: line.offer, quantity: Energy::from_wh(line.quantity_wh)? })
}

/// Column `lines`: what is covered, or what was asked for and refused.
pub(super) fn lines_json(state: &State) -> serde_json::Value {
    let lines: Vec<StoredLine> = match state {
        State::Refused { lines, .. } => lines
            .iter()
            .map(|line| StoredLine { offer_id: line.offer.clone(), quantity_wh: line.quantity_wh })
            .collect(),
        state => state
            .lots()
            .iter()
            .map(|lot| StoredLine { offer_id: lot.offer.clone(), quantity_wh: lot.quantity.wh() })
            .collect(),
    };
    // A list of texts and numbers is always JSON.
    serde_json::to_value(lines).unwrap_or_default()
}
