//! Blocks of any size, from one watt-hour.

use p2p_proto::catalog::{BlockStats, BlockStatus, GetBlockStatsRequest, Item, Offer, ReservationStatus};

use crate::service::{Catalog, item, offer, order, reason};

impl Catalog {
    async fn stats(&self, offer: &str) -> [i64; 4] {
        let request = GetBlockStatsRequest { offer_ids: vec![offer.into()] };
        let stats = self.client.clone().get_block_stats(request).await.unwrap().into_inner().stats.remove(0);
        let BlockStats { offer_id: _, total, available, reserved, sold } = stats;
        [total, available, reserved, sold]
    }

    /// How many rows of `offer_blocks` there are of each status.
    async fn seen(&self, offer: &str) -> Vec<String> {
        self.rows(&format!(
            "SELECT status, count(*), min(id), max(length(id)) FROM offer_blocks WHERE offer_id = '{offer}'
             GROUP BY status ORDER BY status"
        ))
        .await
    }
}

fn of(block_wh: i64, total_wh: i64) -> Offer {
    Offer { block_wh, total_wh, ..offer("o", 0) }
}

/// 30.5 kWh, as a network publishes them.
async fn catalog_of(block_wh: i64) -> Catalog {
    let catalog = Catalog::with_item(0).await;
    catalog.item(Item { total_wh: 30_500, ..item("i", "p", 0) }).await.unwrap();
    let made = catalog.offer(of(block_wh, 30_500)).await.unwrap();
    assert_eq!((made.block_wh, made.total_wh, made.sellable_wh), (block_wh, 30_500, 30_500));
    catalog
}

#[tokio::test]
async fn half_kilowatt_hours_are_held_sold_and_given_back() {
    let catalog = catalog_of(500).await;
    assert_eq!(catalog.stats("o").await, [61, 61, 0, 0]);
    let (first, second) = (order(), order());
    let held = catalog.reserve(first, &[("o", 1_500)]).await.unwrap();
    assert_eq!(held.status(), ReservationStatus::Held);
    catalog.sell(first).await.unwrap();
    catalog.reserve(second, &[("o", 29_000)]).await.unwrap();
    assert_eq!(catalog.stats("o").await, [61, 0, 58, 3]);
    assert_eq!(catalog.runs("o").await, ["(0,58,RESERVED)", "(58,3,SOLD)"]);
    assert_eq!(catalog.seen("o").await, ["(RESERVED,58,block-o-0,10)", "(SOLD,3,block-o-58,10)"]);
    let more = catalog.reserve(order(), &[("o", 500)]).await.unwrap();
    assert_eq!(
        (more.status(), more.reason.as_str()),
        (ReservationStatus::Refused, "offer o has not enough left of its item i")
    );
    catalog.release(second, "").await.unwrap();
    catalog.give_back(first).await.unwrap();
    assert_eq!(catalog.stats("o").await, [61, 61, 0, 0]);
    assert_eq!(catalog.runs("o").await, ["(0,61,AVAILABLE)"]);
    let half = catalog.reserve(order(), &[("o", 250)]).await.unwrap();
    assert_eq!(half.status(), ReservationStatus::Refused, "{}", half.reason);
    assert_eq!(reason(catalog.offer(of(500, 30_250)).await), "INVALID_QUANTITY");
    catalog.offer(of(500, 20_000)).await.unwrap();
    assert_eq!(catalog.stats("o").await, [40, 40, 0, 0]);
    catalog.assert_sound().await;
}

#[tokio::test]
async fn single_watt_hours_are_held_sold_and_given_back() {
    let catalog = catalog_of(1).await;
    let (first, second) = (order(), order());
    catalog.reserve(first, &[("o", 1)]).await.unwrap();
    catalog.sell(first).await.unwrap();
    catalog.reserve(second, &[("o", 12_345)]).await.unwrap();
    assert_eq!(catalog.stats("o").await, [30_500, 18_154, 12_345, 1]);
    let offer = catalog.get("o").await;
    assert_eq!((offer.available_wh, offer.reserved_wh, offer.sold_wh), (18_154, 12_345, 1));
    assert_eq!(
        catalog.seen("o").await,
        ["(AVAILABLE,18154,block-o-0,13)", "(RESERVED,12345,block-o-18154,13)", "(SOLD,1,block-o-30499,13)"]
    );
    catalog.give_back(first).await.unwrap();
    catalog.release(second, "").await.unwrap();
    assert_eq!(catalog.runs("o").await, ["(0,30500,AVAILABLE)"]);
    catalog.assert_sound().await;
}

#[tokio::test]
async fn the_most_energy_may_be_in_the_smallest_blocks() {
    let most = 1_000_000_000_000;
    let catalog = Catalog::with_item(0).await;
    catalog.item(Item { total_wh: most, ..item("i", "p", 0) }).await.unwrap();
    catalog.offer(of(1, most)).await.unwrap();
    let (first, second) = (order(), order());
    catalog.reserve(first, &[("o", most - 1)]).await.unwrap();
    catalog.reserve(second, &[("o", 1)]).await.unwrap();
    catalog.sell(first).await.unwrap();
    assert_eq!(catalog.stats("o").await, [most, 0, 1, most - 1]);
    assert_eq!(catalog.runs("o").await, ["(0,1,RESERVED)", "(1,999999999999,SOLD)"]);
    catalog.give_back(first).await.unwrap();
    assert_eq!(catalog.stats("o").await, [most, most - 1, 1, 0]);
    catalog.assert_sound().await;
    let beyond = Offer { id: "p".into(), ..of(1, most + 1) };
    assert_eq!(reason(catalog.offer(beyond).await), "INVALID_QUANTITY");
}

#[tokio::test]
async fn small_blocks_that_another_bpp_gave_away_are_counted() {
    let catalog = Catalog::start().await;
    catalog.sync(30).await;
    let synced = catalog.get("u").await;
    let small = Offer { id: "w".into(), block_wh: 500, total_wh: 30_000, ..synced };
    catalog.offer(small).await.unwrap();
    let even: Vec<i64> = (0..60).step_by(2).collect();
    catalog.tell("w", &even, BlockStatus::Sold).await.unwrap();
    assert_eq!(catalog.stats("w").await, [60, 30, 0, 30]);
    catalog.reserve(order(), &[("w", 15_000)]).await.unwrap();
    assert_eq!(catalog.stats("w").await, [60, 0, 30, 30]);
    catalog.assert_sound().await;
}
