//! What the buyers drain, and how much of it is left.

use std::sync::Mutex;

use fastrand::Rng;
use futures::{StreamExt, stream};
use sea_orm::DbErr;

use crate::{client::Client, races::stall, sql::Tables};

/// Offers of one item.
const SHELF: usize = 20;
const SELLERS_AT_ONCE: usize = 8;
const LEAST_KWH: u32 = 8;
const MOST_KWH: u32 = 20;
/// Source type and size of the one offer that nobody drains.
pub const ENDLESS: &str = "HYDRO";
const ENDLESS_KWH: u32 = 1_000_000;
/// Of the others.
const DRAINED: &str = "TIDAL";
/// kWh of a lot.
const MOST_OF_A_LOT: i64 = 13;
/// One lot of so many asks for more than there seems to be.
const GREEDY: usize = 12;

#[derive(Debug, Clone)]
pub struct Offer {
    pub id: String,
    pub item: String,
    pub provider: String,
    pub left: i64,
}

#[derive(Debug)]
pub struct Market {
    /// Those that seem to have something left.
    open: Mutex<Vec<Offer>>,
    pub endless: Offer,
}

impl Market {
    /// Sellers come and offer.
    pub async fn opened(client: &Client, tables: &Tables, offers: usize, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let sizes: Vec<u32> = (0..offers).map(|_| rng.u32(LEAST_KWH..=MOST_KWH)).collect();
        let shelves: Vec<&[u32]> = sizes.chunks(SHELF).collect();
        let made = stream::iter(shelves).map(|sizes| stall(client, DRAINED, sizes.iter().sum(), sizes));
        let made: Vec<Vec<String>> = made.buffer_unordered(SELLERS_AT_ONCE).collect().await;
        assert_eq!(made.concat().len(), offers);
        stall(client, ENDLESS, ENDLESS_KWH, &[ENDLESS_KWH]).await;
        let endless = offered(tables, ENDLESS).await.unwrap().remove(0);
        let market = Self { open: Mutex::default(), endless };
        market.look(tables).await.unwrap();
        market
    }

    /// Sees what there is now.
    pub async fn look(&self, tables: &Tables) -> Result<(), DbErr> {
        let open = offered(tables, DRAINED).await?;
        *self.open.lock().unwrap() = open;
        Ok(())
    }

    /// Whether every kWh is sold for good.
    pub async fn is_drained(&self, tables: &Tables) -> bool {
        let sql = format!(
            "SELECT id FROM catalog.catalog_offers WHERE source_type = '{DRAINED}' AND sold_qty < max_qty LIMIT 1"
        );
        tables.asked(&sql).await.is_ok_and(|left| left.is_empty())
    }

    /// An offer and how much of it is wanted; none while there seems to be nothing.
    pub fn lot(&self, rng: &mut Rng) -> Option<(Offer, i64)> {
        let mut open = self.open.lock().unwrap();
        open.retain(|offer| offer.left > 0);
        let n = (!open.is_empty()).then(|| rng.usize(..open.len()))?;
        let wanted = rng.i64(1..=MOST_OF_A_LOT);
        let kwh = if rng.usize(..GREEDY) == 0 { wanted } else { wanted.min(open[n].left) };
        let offer = open[n].clone();
        open[n].left -= kwh;
        Some((offer, kwh))
    }

    /// The same of the endless one.
    pub fn endless_lot(&self, rng: &mut Rng) -> (Offer, i64) {
        (self.endless.clone(), rng.i64(1..=MOST_OF_A_LOT))
    }
}

async fn offered(tables: &Tables, source: &str) -> Result<Vec<Offer>, DbErr> {
    let sql = format!(
        "SELECT id || ' ' || item_id || ' ' || provider_id || ' ' || available_qty::bigint
         FROM catalog.catalog_offers WHERE source_type = '{source}' AND available_qty > 0 ORDER BY id"
    );
    let rows = tables.asked(&sql).await?;
    let offers = rows.iter().map(|row| {
        let parts: Vec<&str> = row.split(' ').collect();
        let [id, item, provider, left] = parts[..] else { panic!("{row}") };
        let (id, item, provider) = (id.to_owned(), item.to_owned(), provider.to_owned());
        Offer { id, item, provider, left: left.parse().unwrap() }
    });
    Ok(offers.collect())
}
