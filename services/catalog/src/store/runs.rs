//! Table `block_runs`. Whoever writes an offer's runs holds the offer's lock, from an earlier statement: so what
//! is read here is what the last holder left.

use std::collections::{HashMap, HashSet};

use p2p_domain::{OfferId, OrderId};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use super::{Store, Tx, row::Row, sql};
use crate::{
    Error,
    domain::{Run, Use},
};

/// How many free runs are read at once.
const FREE_AT_ONCE: i64 = 64;

const FREE: &str = "
    SELECT offer_id, first_block, blocks, status, order_id FROM block_runs
    WHERE offer_id = $1 AND status = 'AVAILABLE' ORDER BY first_block LIMIT $2";

const ALL: &str = "
    SELECT offer_id, first_block, blocks, status, order_id FROM block_runs
    WHERE offer_id = $1 ORDER BY first_block";

const LAST: &str = "
    SELECT offer_id, first_block, blocks, status, order_id FROM block_runs
    WHERE offer_id = $1 ORDER BY first_block DESC LIMIT 1";

const OF_ORDER: &str = "
    SELECT offer_id, first_block, blocks, status, order_id FROM block_runs
    WHERE order_id = $1 ORDER BY offer_id, first_block";

const AROUND_ORDER: &str = "
    SELECT offer_id, first_block, blocks, status, order_id FROM block_runs
    WHERE offer_id = $1 AND order_id = $2
    UNION
    SELECT near.* FROM block_runs own CROSS JOIN LATERAL (
        (SELECT offer_id, first_block, blocks, status, order_id FROM block_runs
         WHERE offer_id = own.offer_id AND first_block < own.first_block ORDER BY first_block DESC LIMIT 1)
        UNION ALL
        (SELECT offer_id, first_block, blocks, status, order_id FROM block_runs
         WHERE offer_id = own.offer_id AND first_block = own.first_block + own.blocks)
    ) near
    WHERE own.offer_id = $1 AND own.order_id = $2 AND near.status = 'AVAILABLE'
    ORDER BY first_block";

const DELETE: &str = "DELETE FROM block_runs WHERE offer_id = $1 AND first_block = ANY($2)";

const UPSERT: &str = "
    INSERT INTO block_runs (offer_id, first_block, blocks, status, order_id)
    SELECT $1, run.first_block, run.blocks, run.status, NULLIF(run.order_id, '')
    FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[]) AS run (first_block, blocks, status, order_id)
    ON CONFLICT (offer_id, first_block) DO UPDATE
    SET blocks = excluded.blocks, status = excluded.status, order_id = excluded.order_id";

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
        let rows = self.0.query_all_raw(sql(OF_ORDER, [order.to_string().into()])).await?;
        rows.iter()
            .map(|columns| {
                let offer = Row::new("block_runs", "", "offer_id", columns)?.parsed("offer_id")?;
                Ok(OrderRun { offer, run: run(columns)? })
            })
            .collect()
    }
}

impl Tx<'_> {
    /// The first free runs of an offer, at most 64.
    pub(crate) async fn free_runs(&self, offer: &OfferId) -> Result<Vec<Run>, Error> {
        self.runs(FREE, [offer.as_str().into(), FREE_AT_ONCE.into()]).await
    }

    /// An order's runs of an offer and the free runs next to them.
    pub(crate) async fn runs_around(&self, offer: &OfferId, order: OrderId) -> Result<Vec<Run>, Error> {
        self.runs(AROUND_ORDER, [offer.as_str().into(), order.to_string().into()]).await
    }

    /// All runs of an offer.
    pub(crate) async fn all_runs(&self, offer: &OfferId) -> Result<Vec<Run>, Error> {
        self.runs(ALL, [offer.as_str().into()]).await
    }

    /// The last run of an offer, if it has any.
    pub(crate) async fn last_run(&self, offer: &OfferId) -> Result<Vec<Run>, Error> {
        self.runs(LAST, [offer.as_str().into()]).await
    }

    async fn runs<const N: usize>(&self, query: &str, values: [Value; N]) -> Result<Vec<Run>, Error> {
        self.0.query_all_raw(sql(query, values)).await?.iter().map(run).collect()
    }

    /// Marks all that an order holds as sold.
    pub(crate) async fn sell_runs(&self, order: OrderId) -> Result<(), Error> {
        let text = "UPDATE block_runs SET status = 'SOLD' WHERE order_id = $1";
        self.0.execute_raw(sql(text, [order.to_string().into()])).await?;
        Ok(())
    }

    /// Puts runs of an offer in the place of what was read of it: deletes what is gone, writes what differs.
    pub(crate) async fn replace_runs(&self, offer: &OfferId, old: &[Run], new: &[Run]) -> Result<(), Error> {
        let before: HashMap<i64, &Run> = old.iter().map(|run| (run.first, run)).collect();
        let after: HashSet<i64> = new.iter().map(|run| run.first).collect();
        let gone: Vec<i64> = before.keys().copied().filter(|first| !after.contains(first)).collect();
        if !gone.is_empty() {
            self.0.execute_raw(sql(DELETE, [offer.as_str().into(), gone.into()])).await?;
        }
        let changed: Vec<Run> =
            new.iter().filter(|run| before.get(&run.first) != Some(run)).copied().collect();
        if !changed.is_empty() {
            self.0.execute_raw(sql(UPSERT, columns_of(offer, &changed))).await?;
        }
        Ok(())
    }
}

fn columns_of(offer: &OfferId, runs: &[Run]) -> [Value; 5] {
    let firsts: Vec<i64> = runs.iter().map(|run| run.first).collect();
    let blocks: Vec<i64> = runs.iter().map(|run| run.blocks).collect();
    let (statuses, orders): (Vec<String>, Vec<String>) = runs
        .iter()
        .map(|run| match run.used {
            Use::Free => ("AVAILABLE".to_owned(), String::new()),
            Use::Held(order) => ("RESERVED".to_owned(), order.to_string()),
            Use::Sold(order) => ("SOLD".to_owned(), order.to_string()),
        })
        .unzip();
    [offer.as_str().into(), firsts.into(), blocks.into(), statuses.into(), orders.into()]
}

fn run(columns: &QueryResult) -> Result<Run, Error> {
    let row = Row::new("block_runs", "", "offer_id", columns)?;
    let used = match row.get::<String>("status")?.as_str() {
        "AVAILABLE" => Use::Free,
        "RESERVED" => Use::Held(row.parsed("order_id")?),
        "SOLD" => Use::Sold(row.parsed("order_id")?),
        other => return Err(row.impossible(format_args!("status {other}"))),
    };
    Ok(Run { first: row.get("first_block")?, blocks: row.get("blocks")?, used })
}
