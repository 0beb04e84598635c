//! Table `block_runs`. Whoever writes an offer's runs holds the offer's lock, from an earlier statement: so what
//! is read under it is what the last holder left.

use std::collections::BTreeMap;

use p2p_domain::{ItemId, OfferId, OrderId};
use p2p_runtime::postgres::{Parts, column};
use sea_orm::{ConnectionTrait, QueryResult};

use super::{Store, Tx, pick::RunChanges, row::Row, sql};
use crate::{
    Error,
    domain::{Changes, Counters, Run, Span, Taker, Use},
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

/// The runs that have a block of a span, and their neighbours: the runs tile the blocks.
const AROUND: &str = "
    SELECT run.* FROM unnest($2::bigint[], $3::bigint[]) AS span (first_block, behind) CROSS JOIN LATERAL (
        (SELECT offer_id, first_block, blocks, status, order_id FROM block_runs
         WHERE offer_id = $1 AND first_block < span.first_block ORDER BY first_block DESC LIMIT 1)
        UNION ALL
        (SELECT offer_id, first_block, blocks, status, order_id FROM block_runs
         WHERE offer_id = $1 AND first_block BETWEEN span.first_block AND span.behind)
    ) AS run";

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

    /// The runs that have a block of these spans, and the runs next to them; by first block.
    pub(crate) async fn runs_around(&self, offer: &OfferId, spans: &[Span]) -> Result<Vec<Run>, Error> {
        let (first, behind) = (column(spans, |span| span.first), column(spans, |span| span.end));
        let rows = self.0.query_all_raw(sql(AROUND, [offer.as_str().into(), first, behind])).await?;
        let runs: BTreeMap<i64, Run> = rows
            .iter()
            .map(|columns| {
                let run = offer_run(columns)?.run;
                Ok((run.first, run))
            })
            .collect::<Result<_, Error>>()?;
        Ok(runs.into_values().collect())
    }

    /// Writes the counters of a locked item and offer of it, and puts runs of the offer in the place of what was read.
    pub(crate) async fn save_told(
        &self,
        item: (ItemId, Counters),
        offer: (OfferId, Counters),
        old: &[Run],
        new: &[Run],
    ) -> Result<(), Error> {
        let mut runs = RunChanges::default();
        runs.replace(&offer.0, old, new);
        let changes = Changes { items: vec![item], offers: vec![offer], ..Changes::default() };
        self.save(&changes, &runs).await
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
        Use::Held(taker) => ("RESERVED", order_id(taker)),
        Use::Sold(taker) => ("SOLD", order_id(taker)),
    }
}

fn order_id(taker: Taker) -> String {
    match taker {
        Taker::Order(order) => order.to_string(),
        Taker::Elsewhere => String::new(),
    }
}

pub(super) fn offer_run(columns: &QueryResult) -> Result<OrderRun, Error> {
    let row = Row::new("block_runs", "", "offer_id", columns)?;
    let taker = match row.get::<Option<String>>("order_id")? {
        Some(_) => Taker::Order(row.parsed("order_id")?),
        None => Taker::Elsewhere,
    };
    let used = match row.get::<String>("status")?.as_str() {
        "AVAILABLE" => Use::Free,
        "RESERVED" => Use::Held(taker),
        "SOLD" => Use::Sold(taker),
        other => return Err(row.impossible(format_args!("status {other}"))),
    };
    let run = Run { first: row.get("first_block")?, blocks: row.get("blocks")?, used };
    Ok(OrderRun { offer: row.parsed("offer_id")?, run })
}
