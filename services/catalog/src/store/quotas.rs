//! How much a provider has.
//!
//! Counted after a new thing is written and under the lock of its provider's row, which those wait for who add to the
//! same provider: whichever catalog they ask, they count one another's.

use std::num::NonZeroU32;

use chrono::{DateTime, Utc};
use p2p_domain::ProviderId;
use sea_orm::ConnectionTrait;

use super::{Tx, sql};
use crate::Error;

/// New items and offers of the provider refer to the row meanwhile; only those who count wait.
const LOCK: &str = "SELECT id FROM providers WHERE id = $1 FOR NO KEY UPDATE";

const ITEMS: &str = "SELECT count(*) FROM (SELECT FROM catalog_items WHERE provider_id = $1 LIMIT $2) item";

const OFFERS: &str = "
    SELECT count(*) FROM (
        SELECT FROM catalog_offers
        WHERE provider_id = $1 AND withdrawn_at IS NULL AND time_window_end > now()
        LIMIT $2
    ) offer";

const IS_OVER: &str = "SELECT $1::timestamptz <= now()";

impl Tx<'_> {
    /// Whether the provider has more items than that.
    pub(crate) async fn has_more_items(&self, of: &ProviderId, most: NonZeroU32) -> Result<bool, Error> {
        self.has_more(ITEMS, of, most).await
    }

    /// Whether the provider has more offers on sale than that.
    pub(crate) async fn has_more_offers(&self, of: &ProviderId, most: NonZeroU32) -> Result<bool, Error> {
        self.has_more(OFFERS, of, most).await
    }

    /// Whether a window that ends then is over, by the database's clock.
    pub(crate) async fn is_over(&self, end: DateTime<Utc>) -> Result<bool, Error> {
        let row = self.0.query_one_raw(sql(IS_OVER, [end.into()])).await?;
        Ok(row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or_default())
    }

    /// No more rows are counted than it takes to know.
    async fn has_more(&self, count: &str, of: &ProviderId, most: NonZeroU32) -> Result<bool, Error> {
        self.0.execute_raw(sql(LOCK, [of.as_str().into()])).await?;
        let most = i64::from(most.get());
        let row = self.0.query_one_raw(sql(count, [of.as_str().into(), (most + 1).into()])).await?;
        let has: i64 = row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or_default();
        Ok(has > most)
    }
}
