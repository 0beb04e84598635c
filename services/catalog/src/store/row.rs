//! From columns to values. What cannot be a value is an error that names table and row.

use std::{fmt::Display, str::FromStr};

use chrono::{DateTime, Utc};
use p2p_domain::{Energy, TimeWindow};
use rust_decimal::Decimal;
use sea_orm::{QueryResult, TryGetable};
use serde::de::DeserializeOwned;

use crate::{
    Error,
    domain::{Counters, Label, Origin, Place, Published},
};

/// One table's columns of a row.
pub(super) struct Row<'a> {
    table: &'static str,
    /// What the query put before the names of the table's columns.
    prefix: &'static str,
    id: String,
    columns: &'a QueryResult,
}

impl<'a> Row<'a> {
    /// The row of a table, by its key.
    pub(super) fn new(
        table: &'static str,
        prefix: &'static str,
        key: &str,
        columns: &'a QueryResult,
    ) -> Result<Self, Error> {
        Ok(Self { table, prefix, id: columns.try_get(prefix, key)?, columns })
    }

    pub(super) fn impossible(&self, why: impl Display) -> Error {
        Error::Impossible { table: self.table, id: self.id.clone(), why: why.to_string() }
    }

    pub(super) fn get<T: TryGetable>(&self, column: &str) -> Result<T, Error> {
        Ok(self.columns.try_get(self.prefix, column)?)
    }

    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, column: &str) -> Result<T, Error> {
        let text: String = self.get(column)?;
        text.parse().map_err(|e| self.impossible(format_args!("{column}: {e}")))
    }

    pub(super) fn label(&self, column: &'static str) -> Result<Label, Error> {
        let text: Option<String> = self.get(column)?;
        Label::parse(&text.unwrap_or_default(), column).map_err(|e| self.impossible(e))
    }

    /// A column of kWh.
    pub(super) fn energy(&self, column: &str) -> Result<Energy, Error> {
        let kwh: Decimal = self.get(column)?;
        Energy::from_kwh(kwh).map_err(|e| self.impossible(format_args!("{column}: {e}")))
    }

    pub(super) fn counters(&self) -> Result<Counters, Error> {
        Ok(Counters {
            available: self.energy("available_qty")?,
            reserved: self.energy("reserved_qty")?,
            sold: self.energy("sold_qty")?,
        })
    }

    pub(super) fn origin(&self) -> Result<Origin, Error> {
        match self.get::<String>("origin")?.as_str() {
            "SELLER" => Ok(Origin::Seller),
            "SYNC" => Ok(Origin::Sync),
            other => Err(self.impossible(format_args!("origin {other}"))),
        }
    }

    pub(super) fn published(&self) -> Result<Published, Error> {
        let text: Option<String> = self.get("published")?;
        let published = Published::parse(&text.unwrap_or_default(), self.origin()?, "published");
        published.map_err(|e| self.impossible(e))
    }

    /// Where the row stands in lists.
    pub(super) fn place(&self) -> Result<Place, Error> {
        Ok(Place { created_at: self.get("created_at")?, id: self.get::<String>("id")?.into() })
    }

    pub(super) fn window(&self, start: &str, end: &str) -> Result<TimeWindow, Error> {
        let (start, end): (DateTime<Utc>, DateTime<Utc>) = (self.get(start)?, self.get(end)?);
        TimeWindow::new(start, end).map_err(|e| self.impossible(e))
    }

    pub(super) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, Error> {
        let value: serde_json::Value = self.get(column)?;
        serde_json::from_value(value).map_err(|e| self.impossible(format_args!("{column}: {e}")))
    }
}
