//! Table `reservations`: its row is what commands about one order wait for.

use chrono::{DateTime, Utc};
use p2p_domain::{Energy, OfferId, OrderId, TransactionId};
use p2p_runtime::postgres::column;
use sea_orm::{ConnectionTrait, QueryResult, Value};
use serde::{Deserialize, Serialize};

use super::{Store, row::Row, sql};
use crate::{
    Error,
    domain::{Line, Lot, Reservation, Sought, State, Status},
};

const BY_ORDER: &str = "
    SELECT order_id AS id, transaction_id, status, reason, lines FROM reservations WHERE order_id = ANY ($1)";

/// As many as this are few.
const FEW_AT_MOST: i64 = 20_000;

const COUNT: &str = "
    SELECT count(*) AS found FROM (
        SELECT FROM reservations WHERE status = ANY ($1) AND updated_at >= $2 AND updated_at < $3 LIMIT $4
    ) AS found";

/// When few pass: they are found by status and age, then put in order.
const FEW: &str = "
    WITH found AS MATERIALIZED (
        SELECT order_id AS id, transaction_id, status, reason, lines FROM reservations
        WHERE status = ANY ($1) AND updated_at >= $2 AND updated_at < $3
    )
    SELECT * FROM found WHERE id > $4 ORDER BY id LIMIT $5";

/// When many pass: the table is walked in order until the page is full. IS TRUE keeps the age out of the reach of its
/// index, by which all that pass would be put in order for each page.
const MANY: &str = "
    SELECT order_id AS id, transaction_id, status, reason, lines FROM reservations
    WHERE status = ANY ($1) AND (updated_at >= $2) IS TRUE AND (updated_at < $3) IS TRUE AND order_id > $4
    ORDER BY order_id LIMIT $5";

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
        let statuses = column(&sought.statuses, |status| status_text(*status).to_owned());
        let few = self.few_reservations(statuses.clone(), since, before).await?;
        let after = sought.after.map(|order| order.to_string()).unwrap_or_default();
        let values = [statuses, since.into(), before.into(), after.into(), sought.page.and_one().into()];
        let query = if few { FEW } else { MANY };
        self.db.query_all_raw(sql(query, values)).await?.iter().map(reservation).collect()
    }

    async fn few_reservations(
        &self,
        statuses: Value,
        since: DateTime<Utc>,
        before: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let values = [statuses, since.into(), before.into(), (FEW_AT_MOST + 1).into()];
        let counted = self.db.query_one_raw(sql(COUNT, values)).await?;
        let found: Option<i64> = counted.map(|columns| columns.try_get("", "found")).transpose()?;
        Ok(found.is_some_and(|found| found <= FEW_AT_MOST))
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
