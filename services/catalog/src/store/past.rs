//! Offers whose window is over.

use sea_orm::ConnectionTrait;

use super::{Store, sql};
use crate::Error;

/// One that a stock command holds is left for the next time.
const MARK: &str = "
    UPDATE catalog_offers SET past = true WHERE id = ANY (ARRAY(
        SELECT offer.id FROM generate_series(0, 27) AS power CROSS JOIN LATERAL (
            SELECT id FROM catalog_offers
            WHERE sellable AND NOT past AND window_hours = 1 << power AND time_window_end <= now()
            ORDER BY window_hours, time_window_end LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
        ) offer LIMIT $1
    ))";

impl Store {
    /// Takes offers whose window is over out of the indexes that searches walk, at most so many. Returns how many
    /// there were.
    pub(crate) async fn mark_past(&self, most: i64) -> Result<u64, Error> {
        Ok(self.db.execute_raw(sql(MARK, [most.into()])).await?.rows_affected())
    }
}
