//! Table `block_runs`. Whoever writes an offer's runs holds the offer's lock, from an earlier statement: so what
//! is read under it is what the last holder left.

use p2p_domain::{OfferId, OrderId};
use p2p_runtime::postgres::Parts;
use sea_orm::{ConnectionTrait, QueryResult};

use super::{Store, Tx, pick::RunChanges, row::Row, sql};
use crate::{
    Error,
    domain::{Run, Use},
};

const ALL: &str = "
    SELECT offer_id, first_block, blocks, status, order_id FROM block_runs
    WHERE offer_id = $1 ORDER BY first_block";

const LAST: &str = "
    SELECT offer_id, first_block, blocks, status, order_id FROM block_runs
    WHERE offer_id = $1 ORDER BY first_block DESC LIMIT 1";

const OF_ORDER: &str = "
    SELECT offer_id, first_block, blocks, status, order_id FROM block_runs
    WHERE order_id = $1 ORDER BY offer_id, first_block";

/// A run and the offer that it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRun {
    /// Which offer.
    pub offer: OfferId,
    /// The run.
    pub run: Run,
}

impl Store {
    /// The runs that an order holds or has bought, by offer and first block.
    pub(crate) async fn order_runs(&self, order: OrderId) -> Result<Vec<OrderRun>, Error> {
        let rows = self.db.query_all_raw(sql(OF_ORDER, [order.to_string().into()])).await?;
        rows.iter().map(offer_run).collect()
    }
}

impl Tx<'_> {
    /// All runs of an offer.
    pub(crate) async fn all_runs(&self, offer: &OfferId) -> Result<Vec<Run>, Error> {
        self.runs(ALL, offer).await
    }

    /// The last run of an offer, if it has any.
    pub(crate) async fn last_run(&self, offer: &OfferId) -> Result<Vec<Run>, Error> {
        self.runs(LAST, offer).await
    }

    async fn runs(&self, query: &str, offer: &OfferId) -> Result<Vec<Run>, Error> {
        let rows = self.0.query_all_raw(sql(query, [offer.as_str().into()])).await?;
        rows.iter().map(|columns| Ok(offer_run(columns)?.run)).collect()
    }

    /// Puts runs of an offer in the place of what was read of it.
    pub(crate) async fn replace_runs(&self, offer: &OfferId, old: &[Run], new: &[Run]) -> Result<(), Error> {
        let (mut changes, mut parts) = (RunChanges::default(), Parts::default());
        changes.replace(offer, old, new);
        changes.write(&mut parts);
        parts.execute(self.0).await?;
        Ok(())
    }
}

/// Columns `status` and `order_id`, the latter empty for none.
pub(super) fn status(used: Use) -> (&'static str, String) {
    match used {
        Use::Free => ("AVAILABLE", String::new()),
        Use::Held(order) => ("RESERVED", order.to_string()),
        Use::Sold(order) => ("SOLD", order.to_string()),
    }
}

pub(super) fn offer_run(columns: &QueryResult) -> Result<OrderRun, Error> {
    let row = Row::new("block_runs", "", "offer_id", columns)?;
    let used = match row.get::<String>("status")?.as_str() {
        "AVAILABLE" => Use::Free,
        "RESERVED" => Use::Held(row.parsed("order_id")?),
        "SOLD" => Use::Sold(row.parsed("order_id")?),
        other => return Err(row.impossible(format_args!("status {other}"))),
    };
    let run = Run { first: row.get("first_block")?, blocks: row.get("blocks")?, used };
    Ok(OrderRun { offer: row.parsed("offer_id")?, run })
}
