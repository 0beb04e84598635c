//! Picks the blocks that commands take, and frees those that they give back, under the locks of their offers.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use p2p_domain::OfferId;
use p2p_runtime::postgres::{Parts, column};
use sea_orm::{ConnectionTrait, QueryResult};

use super::{
    Tx,
    runs::{OrderRun, offer_run, status},
    sql,
};
use crate::{
    Error,
    domain::{Changes, Run, Use, free, take},
};

/// How many free runs of an offer are read at once.
const FREE_AT_ONCE: i64 = 256;

/// The first free runs of each offer behind a block.
const FREE: &str = "
    SELECT free.* FROM unnest($1::text[], $2::bigint[]) AS wanted (offer_id, behind) CROSS JOIN LATERAL (
        SELECT offer_id, first_block, blocks, status, order_id FROM block_runs
        WHERE offer_id = wanted.offer_id AND status = 'AVAILABLE' AND first_block > wanted.behind
        ORDER BY first_block LIMIT $3
    ) AS free";

/// The runs of orders, and the free runs next to them.
const AROUND: &str = "
    WITH own AS (
        SELECT offer_id, first_block, blocks, status, order_id FROM block_runs WHERE order_id = ANY ($1)
    )
    SELECT * FROM own
    UNION ALL
    SELECT near.* FROM own CROSS JOIN LATERAL (
        (SELECT offer_id, first_block, blocks, status, order_id FROM block_runs
         WHERE offer_id = own.offer_id AND first_block < own.first_block ORDER BY first_block DESC LIMIT 1)
        UNION ALL
        (SELECT offer_id, first_block, blocks, status, order_id FROM block_runs
         WHERE offer_id = own.offer_id AND first_block = own.first_block + own.blocks)
    ) AS near
    WHERE near.status = 'AVAILABLE'";

const DELETE: &str = "
    DELETE FROM block_runs run USING unnest($1::text[], $2::bigint[]) AS k (offer_id, first_block)
    WHERE run.offer_id = k.offer_id AND run.first_block = k.first_block";

const UPSERT: &str = "
    INSERT INTO block_runs (offer_id, first_block, blocks, status, order_id)
    SELECT offer_id, first_block, blocks, status, nullif(order_id, '')
    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[])
         AS k (offer_id, first_block, blocks, status, order_id)
    ON CONFLICT (offer_id, first_block) DO UPDATE
    SET blocks = excluded.blocks, status = excluded.status, order_id = excluded.order_id";

/// Who wants how many blocks of an offer.
type Wanted = BTreeMap<OfferId, Vec<(Use, i64)>>;

/// Runs that were read, by offer and first block.
#[derive(Debug, Default)]
pub(super) struct Runs(BTreeMap<OfferId, BTreeMap<i64, Run>>);

impl Runs {
    /// Adds rows. Returns the offers and first blocks that they had.
    fn read(&mut self, rows: &[QueryResult]) -> Result<Vec<(OfferId, i64)>, Error> {
        rows.iter()
            .map(|columns| {
                let OrderRun { offer, run } = offer_run(columns)?;
                self.0.entry(offer.clone()).or_default().insert(run.first, run);
                Ok((offer, run.first))
            })
            .collect()
    }

    fn of(&self, offer: &OfferId) -> impl Iterator<Item = Run> {
        self.0.get(offer).into_iter().flat_map(BTreeMap::values).copied()
    }

    /// How many blocks more are wanted than there are.
    fn missing(&self, offer: &OfferId, wanted: &Wanted) -> i64 {
        let wanted: i64 = wanted.get(offer).into_iter().flatten().map(|(_, blocks)| blocks).sum();
        wanted - self.of(offer).map(|run| run.blocks).sum::<i64>()
    }
}

/// What became of runs.
#[derive(Debug, Default)]
pub(super) struct RunChanges {
    gone: Vec<(OfferId, i64)>,
    written: Vec<(OfferId, Run)>,
}

impl RunChanges {
    /// Puts runs of an offer in the place of what was read of it: what is gone, and what differs.
    pub(super) fn replace(&mut self, offer: &OfferId, old: &[Run], new: &[Run]) {
        let before: HashMap<i64, &Run> = old.iter().map(|run| (run.first, run)).collect();
        let after: HashSet<i64> = new.iter().map(|run| run.first).collect();
        let gone = before.keys().filter(|first| !after.contains(first));
        self.gone.extend(gone.map(|first| (offer.clone(), *first)));
        let written = new.iter().filter(|run| before.get(&run.first) != Some(run));
        self.written.extend(written.map(|run| (offer.clone(), *run)));
    }

    pub(super) fn write(&self, parts: &mut Parts) {
        let gone = &self.gone;
        let offers = column(gone, |(offer, _)| offer.to_string());
        parts.push(gone.len(), DELETE, [offers, column(gone, |(_, first)| *first)]);
        let written = &self.written;
        parts.push(
            written.len(),
            UPSERT,
            [
                column(written, |(offer, _)| offer.to_string()),
                column(written, |(_, run)| run.first),
                column(written, |(_, run)| run.blocks),
                column(written, |(_, run)| status(run.used).0.to_owned()),
                column(written, |(_, run)| status(run.used).1),
            ],
        );
    }
}

impl Tx<'_> {
    /// Frees and gives blocks as the changes say, beginning with runs that were read before.
    pub(super) async fn pick(&self, changes: &Changes, mut found: Runs) -> Result<RunChanges, Error> {
        if !changes.freed.is_empty() {
            let orders = column(&changes.freed, ToString::to_string);
            found.read(&self.0.query_all_raw(sql(AROUND, [orders])).await?)?;
        }
        self.read_free(&changes.taken, &mut found).await?;
        let mut picked = RunChanges::default();
        let offers: BTreeSet<&OfferId> = found.0.keys().chain(changes.taken.keys()).collect();
        for offer in offers {
            let old: Vec<Run> = found.of(offer).collect();
            let wanted = changes.taken.get(offer).map_or(&[][..], Vec::as_slice);
            let new = take(&free(&old), wanted).ok_or_else(|| Error::Impossible {
                table: "block_runs",
                id: offer.to_string(),
                why: "fewer free blocks than the offer's counters say".to_owned(),
            })?;
            picked.replace(offer, &old, &new);
        }
        Ok(picked)
    }

    /// Reads free runs until they have as many blocks as are wanted, or there are no more.
    async fn read_free(&self, wanted: &Wanted, found: &mut Runs) -> Result<(), Error> {
        let mut behind: BTreeMap<OfferId, i64> = wanted.keys().map(|offer| (offer.clone(), -1)).collect();
        loop {
            behind.retain(|offer, _| found.missing(offer, wanted) > 0);
            let Some(most) = behind.keys().map(|offer| found.missing(offer, wanted)).max() else {
                return Ok(());
            };
            let (offers, blocks): (Vec<_>, Vec<_>) =
                behind.iter().map(|(offer, block)| (offer.to_string(), *block)).unzip();
            // A run has at least one block.
            let values = [offers.into(), blocks.into(), most.min(FREE_AT_ONCE).into()];
            let read = found.read(&self.0.query_all_raw(sql(FREE, values)).await?)?;
            if read.is_empty() {
                return Ok(());
            }
            for (offer, first) in read {
                let block = behind.entry(offer).or_default();
                *block = first.max(*block);
            }
        }
    }
}

#[cfg(feature = "planted-bugs")]
impl Tx<'_> {
    /// Free runs of all offers that the commands name, before these are locked.
    pub(super) async fn free_runs_for(&self, commands: &[crate::domain::Command]) -> Result<Runs, Error> {
        let lines = commands.iter().flat_map(super::lock::lines);
        let offers: BTreeSet<String> = lines.map(|line| line.offer.to_string()).collect();
        let offers: Vec<String> = offers.into_iter().collect();
        let behind = column(&offers, |_| -1_i64);
        let rows = self.0.query_all_raw(sql(FREE, [offers.into(), behind, FREE_AT_ONCE.into()])).await?;
        let mut found = Runs::default();
        found.read(&rows)?;
        Ok(found)
    }
}
