//! One stage of a search: along an index, at most so many entries, and the first listings among them.
//!
//! Source type, window and size are decided by what stands in the index; only offers that pass are read. What is left
//! of them moves in every trade and so stands in no index: whoever asked has to look at it.
//!
//! A statement's plan is made once, for all values. So each part that could be planned in several ways asks for an
//! order that only the right index gives without sorting, and for the first of it only (`LIMIT`), which a sort would
//! have to wait for; and the listings are fenced from them (`OFFSET 0`).

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sea_orm::{ConnectionTrait, Statement, Value};

use super::{
    Store,
    listings::{COLUMNS, FROM, UNREAD, listing},
    sql,
};
use crate::{
    Error,
    domain::{Cursor, Filter, Label, Listing, Walk},
};

/// Where a walk goes on, and how far.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Which way.
    pub walk: Walk,
    /// Only what comes behind this, by price and id.
    pub after: Option<Cursor>,
    /// How many entries of the index are looked at.
    pub most_entries: usize,
    /// How many listings are read.
    pub most_listings: usize,
}

/// What one stage saw.
#[derive(Debug)]
pub struct Seen {
    /// Those of the offers whose source, window and size pass, by price and id.
    pub listings: Vec<Listing>,
    /// Why there are no more.
    pub end: End,
}

/// How a stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With as many listings as it may read: the walk goes on behind the last.
    Open,
    /// There are no others.
    Whole,
    /// With as many entries as it may look at: there may be others. By price the listings are the first ones; any
    /// other way nothing is known, and there are none.
    Cut,
}

/// By an index that begins with the source type, or by one without it.
const OF_SOURCE: &str = "source_type = $6";
const OF_ANY_SOURCE: &str = "$6::text IS NULL";

/// Without a window the bounds are those of all windows, without a cursor the place is before every price.
const OVERLAPS: &str = "time_window_end > greatest(now(), $1) AND time_window_start < $2";
const FOLLOWS: &str = "(price_value, id) > ($3, $4)";
/// An offer's size bounds what is left of it.
const LARGE_ENOUGH: &str = "max_qty >= $5";

/// Whether there are more entries than may be looked at is asked only when they did not yield enough. That walks
/// them once more, which costs less than counting them on the way.
fn by_price(source: &str) -> String {
    let entries = format!(
        "SELECT price_value, id, time_window_end, time_window_start, max_qty FROM catalog_offers
         WHERE sellable AND NOT past AND {FOLLOWS} AND {source}
         ORDER BY price_value, id"
    );
    format!(
        "WITH found AS MATERIALIZED (
             SELECT price_value, id FROM ({entries} LIMIT $8) entries
             WHERE {OVERLAPS} AND {LARGE_ENOUGH}
             ORDER BY price_value, id LIMIT $7
         ), walk AS MATERIALIZED (
             SELECT CASE WHEN (SELECT count(*) FROM found) < $7 THEN EXISTS ({entries} OFFSET $8 LIMIT 1)
                    ELSE false END AS cut
         )"
    )
}

/// Each power of two that a window's length in hours may be within, up to 15,000 years.
const ENTRIES_BY_WINDOW: &str = "
    SELECT entries.* FROM generate_series(0, 27) AS power CROSS JOIN LATERAL (
        SELECT price_value, id, time_window_end, time_window_start, max_qty, source_type FROM catalog_offers
        WHERE sellable AND NOT past AND window_hours = 1 << power AND time_window_end > greatest(now(), $1)
          AND time_window_end < $2 + make_interval(hours => 1 << power)
        ORDER BY window_hours, time_window_end LIMIT $8 + 1
    ) entries";

const ENTRIES_BY_SIZE: &str = "
    SELECT price_value, id, time_window_end, time_window_start, max_qty, source_type FROM catalog_offers
    WHERE sellable AND NOT past AND max_qty >= $5
    ORDER BY max_qty DESC";

/// Every entry has to be seen before the first by price is known; if there are too many, none is looked at.
fn aside(entries: &str, source: &str) -> String {
    format!(
        "WITH walk AS MATERIALIZED (
             SELECT EXISTS ({entries} OFFSET $8 LIMIT 1) AS cut
         ), found AS MATERIALIZED (
             SELECT price_value, id FROM ({entries} LIMIT $8) entries
             WHERE NOT (SELECT cut FROM walk) AND {OVERLAPS} AND {LARGE_ENOUGH} AND {FOLLOWS} AND {source}
             ORDER BY price_value, id LIMIT $7
         )"
    )
}

impl Stage {
    /// The statement that walks it. Its rows say whether it was cut; there is one also when nothing was found.
    pub fn statement(&self, filter: &Filter) -> Statement {
        let source = if filter.source_type.is_some() { OF_SOURCE } else { OF_ANY_SOURCE };
        let found = match self.walk {
            Walk::ByPrice => by_price(source),
            Walk::ByWindow => aside(ENTRIES_BY_WINDOW, source),
            Walk::BySize => aside(ENTRIES_BY_SIZE, source),
        };
        let text = format!(
            "{found}
             SELECT walk.cut, listing.* FROM walk LEFT JOIN (
                 found CROSS JOIN LATERAL (
                     SELECT {COLUMNS}, {UNREAD} {FROM} WHERE o.id = found.id OFFSET 0
                 ) listing
             ) ON true
             ORDER BY found.price_value, found.id"
        );
        let start = filter.window.map_or(DateTime::<Utc>::UNIX_EPOCH, |window| window.start());
        let end = filter.window.map_or(DateTime::<Utc>::MAX_UTC, |window| window.end());
        let (price, id) = match &self.after {
            Some(cursor) => (cursor.price, cursor.offer.as_str()),
            None => (Decimal::ZERO, ""),
        };
        let values: [Value; 8] = [
            start.into(),
            end.into(),
            price.into(),
            id.into(),
            filter.min_available.kwh().into(),
            filter.source_type.as_ref().map(Label::as_str).map(str::to_owned).into(),
            number(self.most_listings).into(),
            number(self.most_entries).into(),
        ];
        sql(&text, values)
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Store {
    /// Walks one stage.
    pub(crate) async fn walk(&self, filter: &Filter, stage: &Stage) -> Result<Seen, Error> {
        let rows = self.db.query_all_raw(stage.statement(filter)).await?;
        let mut listings = Vec::with_capacity(rows.len());
        let mut cut = false;
        for columns in &rows {
            cut = columns.try_get("", "cut")?;
            if columns.try_get::<Option<String>>("o_", "id")?.is_some() {
                listings.push(listing(columns)?);
            }
        }
        let end = match listings.len() < stage.most_listings {
            _ if cut => End::Cut,
            true => End::Whole,
            false => End::Open,
        };
        Ok(Seen { listings, end })
    }
}
