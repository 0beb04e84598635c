//! Table `reservations`: its row is what commands about one order wait for.

use p2p_domain::{Energy, OfferId, TransactionId};
use sea_orm::QueryResult;
use serde::{Deserialize, Serialize};

use super::row::Row;
use crate::{
    Error,
    domain::{Line, Lot, Reservation, State},
};

/// An element of `lines`.
#[derive(Serialize, Deserialize)]
struct StoredLine {
    offer_id: OfferId,
    quantity_wh: i64,
}

/// Columns `status` and `reason`.
pub(super) fn status(state: &State) -> (&'static str, &str) {
    match state {
        State::Held(_) => ("HELD", ""),
        State::Sold(_) => ("SOLD", ""),
        State::Returned(_) => ("RETURNED", ""),
        State::Released { reason, .. } => ("RELEASED", reason),
        State::Refused { reason, .. } => ("REFUSED", reason),
    }
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
