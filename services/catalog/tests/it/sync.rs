//! What another BPP says of blocks.

use futures::future::join_all;
use p2p_proto::{
    catalog::{BlockStats, BlockStatus, Item, Offer, Origin, ReservationStatus, SyncBlocksRequest},
    metadata,
};
use tonic::{Code, Status};

use crate::service::{Catalog, item, offer, order, reason};

const SYNC: i32 = Origin::Sync as i32;

impl Catalog {
    pub async fn tell(&self, offer: &str, blocks: &[i64], status: BlockStatus) -> Result<BlockStats, Status> {
        let request =
            SyncBlocksRequest { offer_id: offer.into(), blocks: blocks.into(), status: status.into() };
        Ok(self.client.clone().sync_blocks(request).await?.into_inner().stats.unwrap())
    }
}

/// Offer u of 10 kWh, by sync.
async fn synced() -> Catalog {
    let catalog = Catalog::start().await;
    catalog.sync(10).await;
    catalog
}

fn counts(stats: BlockStats) -> (i64, i64, i64, i64) {
    (stats.total, stats.available, stats.reserved, stats.sold)
}

#[tokio::test]
async fn blocks_are_held_sold_and_freed_elsewhere() {
    let catalog = synced().await;
    let sold = catalog.tell("u", &[3, 4, 8], BlockStatus::Sold).await.unwrap();
    assert_eq!(counts(sold), (10, 7, 0, 3));
    let apart = ["(0,3,AVAILABLE)", "(3,2,SOLD)", "(5,3,AVAILABLE)", "(8,1,SOLD)", "(9,1,AVAILABLE)"];
    assert_eq!(catalog.runs("u").await, apart);

    let held = catalog.tell("u", &[4, 5], BlockStatus::Reserved).await.unwrap();
    assert_eq!(counts(held), (10, 6, 2, 2));
    catalog.tell("u", &[5, 6, 7, 3, 4], BlockStatus::Sold).await.unwrap();
    assert_eq!(catalog.runs("u").await, ["(0,3,AVAILABLE)", "(3,6,SOLD)", "(9,1,AVAILABLE)"]);
    assert_eq!(catalog.rows("SELECT available_qty, sold_qty FROM catalog_items").await, ["(4.000,6.000)"]);
    assert_eq!(catalog.get("u").await.sellable_wh, 4_000);
    catalog.assert_sound().await;

    let free = catalog.tell("u", &(0..10).collect::<Vec<_>>(), BlockStatus::Available).await.unwrap();
    assert_eq!(counts(free), (10, 10, 0, 0));
    assert_eq!(catalog.runs("u").await, ["(0,10,AVAILABLE)"]);
    catalog.assert_sound().await;
}

#[tokio::test]
async fn the_same_said_again_changes_nothing() {
    let catalog = synced().await;
    for _ in 0..3 {
        let stats = catalog.tell("u", &[1, 1, 2], BlockStatus::Reserved).await.unwrap();
        assert_eq!(counts(stats), (10, 8, 2, 0));
    }
    let written = "SELECT xmin FROM catalog_offers";
    let before = catalog.rows(written).await;
    catalog.tell("u", &[2, 1], BlockStatus::Reserved).await.unwrap();
    assert_eq!(catalog.rows(written).await, before, "nothing was written");
    catalog.assert_sound().await;
}

#[tokio::test]
async fn a_block_that_an_order_of_ours_has_stays_its_and_so_do_all_others() {
    let catalog = synced().await;
    let (held, sold) = (order(), order());
    for id in [held, sold] {
        catalog.reserve(id, &[("u", 2_000)]).await.unwrap();
    }
    catalog.sell(sold).await.unwrap();
    let before = catalog.runs("u").await;
    assert_eq!(before, ["(0,6,AVAILABLE)", "(6,2,SOLD)", "(8,2,RESERVED)"]);
    for (block, whose) in [(7, sold), (8, held)] {
        for status in [BlockStatus::Available, BlockStatus::Reserved, BlockStatus::Sold] {
            let taken = catalog.tell("u", &[0, block], status).await.unwrap_err();
            assert_eq!(taken.code(), Code::FailedPrecondition);
            assert_eq!(taken.message(), format!("block {block} of offer u belongs to order {whose}"));
            assert_eq!(metadata(&taken, "order_id"), Some(whose.to_string()));
            assert_eq!(reason::<()>(Err(taken)), "BLOCK_TAKEN");
        }
    }
    assert_eq!(catalog.runs("u").await, before);
    catalog.tell("u", &[5], BlockStatus::Sold).await.unwrap();
    catalog.give_back(sold).await.unwrap();
    catalog.release(held, "").await.unwrap();
    assert_eq!(catalog.runs("u").await, ["(0,5,AVAILABLE)", "(5,1,SOLD)", "(6,4,AVAILABLE)"]);
    catalog.assert_sound().await;
}

#[tokio::test]
async fn an_order_is_filled_around_what_is_taken_elsewhere() {
    let catalog = synced().await;
    catalog.tell("u", &[1, 2, 5, 9], BlockStatus::Sold).await.unwrap();
    let (id, late) = (order(), order());
    assert_eq!(catalog.reserve(id, &[("u", 6_000)]).await.unwrap().status(), ReservationStatus::Held);
    assert_eq!(catalog.reserve(late, &[("u", 1_000)]).await.unwrap().status(), ReservationStatus::Refused);
    catalog.sell(id).await.unwrap();
    catalog.assert_sound().await;
    assert_eq!(counts(catalog.tell("u", &[5], BlockStatus::Available).await.unwrap()), (10, 1, 0, 9));
    let blocks = catalog
        .rows("SELECT status, count(*), count(order_id) FROM offer_blocks GROUP BY status ORDER BY status")
        .await;
    assert_eq!(blocks, ["(AVAILABLE,1,0)", "(SOLD,9,6)"]);
    let elsewhere =
        "SELECT id, transaction_id, reserved_at, sold_at FROM offer_blocks WHERE id = 'block-u-9'";
    assert_eq!(catalog.rows(elsewhere).await, ["(block-u-9,,,)"]);
}

#[tokio::test]
async fn an_offer_keeps_what_is_taken_elsewhere_when_its_total_changes() {
    let catalog = synced().await;
    let resize =
        |kwh: i64| Offer { origin: SYNC, provider_id: "s".into(), item_id: "t".into(), ..offer("u", kwh) };
    catalog.tell("u", &[2, 8, 9], BlockStatus::Sold).await.unwrap();
    catalog.offer(resize(12)).await.unwrap();
    assert_eq!(
        catalog.runs("u").await,
        ["(0,2,AVAILABLE)", "(2,1,SOLD)", "(3,5,AVAILABLE)", "(8,2,SOLD)", "(10,2,AVAILABLE)"]
    );
    assert_eq!(reason(catalog.offer(resize(2)).await), "STOCK_BELOW_COMMITTED");
    catalog.offer(resize(5)).await.unwrap();
    assert_eq!(catalog.runs("u").await, ["(0,2,AVAILABLE)", "(2,3,SOLD)"]);
    catalog.assert_sound().await;
}

#[tokio::test]
async fn an_item_never_gives_more_than_it_has() {
    let catalog = synced().await;
    catalog.item(Item { origin: SYNC, ..item("t", "s", 2) }).await.unwrap();
    let short = catalog.tell("u", &[0, 1, 2], BlockStatus::Sold).await.unwrap_err();
    assert_eq!((short.code(), short.message()), (Code::FailedPrecondition, "item t has not enough left"));
    assert_eq!(reason::<()>(Err(short)), "STOCK_SHORT");
    assert_eq!(catalog.runs("u").await, ["(0,10,AVAILABLE)"]);
    assert_eq!(counts(catalog.tell("u", &[0, 1], BlockStatus::Sold).await.unwrap()), (10, 8, 0, 2));
    catalog.assert_sound().await;
}

#[tokio::test]
async fn ten_thousand_blocks_of_a_million_are_told_at_once() {
    let catalog = Catalog::start().await;
    catalog.sync(1_000_000).await;
    let odd: Vec<i64> = (0..10_000).map(|n| 2 * n + 400_001).collect();
    let stats = catalog.tell("u", &odd, BlockStatus::Sold).await.unwrap();
    assert_eq!(counts(stats), (1_000_000, 990_000, 0, 10_000));
    assert_eq!(catalog.runs("u").await.len(), 20_001);
    let between: Vec<i64> = odd.iter().map(|n| n - 1).collect();
    catalog.tell("u", &between, BlockStatus::Sold).await.unwrap();
    let joined = ["(0,400000,AVAILABLE)", "(400000,20000,SOLD)", "(420000,580000,AVAILABLE)"];
    assert_eq!(catalog.runs("u").await, joined);
    catalog.assert_sound().await;
}

#[tokio::test]
async fn what_cannot_be_said_of_blocks_is_refused_with_its_reason() {
    let catalog = synced().await;
    catalog.provider("p").await.unwrap();
    catalog.item(item("i", "p", 10)).await.unwrap();
    catalog.offer(offer("o", 10)).await.unwrap();
    let sold = BlockStatus::Sold;
    assert_eq!(reason(catalog.tell("o", &[1], sold).await), "ORIGIN_FIXED");
    assert_eq!(reason(catalog.tell("x", &[1], sold).await), "OFFER_NOT_FOUND");
    for bad in [&[10][..], &[-1], &[0, i64::MAX], &[i64::MIN]] {
        let unknown = catalog.tell("u", bad, sold).await.unwrap_err();
        assert_eq!(unknown.code(), Code::InvalidArgument, "{bad:?}");
        assert!(unknown.message().starts_with("offer u has 10 blocks, numbered from 0"), "{unknown:?}");
        assert_eq!(reason::<()>(Err(unknown)), "INVALID_BLOCKS");
    }
    assert_eq!(reason(catalog.tell("u", &[], sold).await), "INVALID_BLOCKS");
    assert_eq!(reason(catalog.tell("u", &vec![1; 10_001], sold).await), "INVALID_BLOCKS");
    assert_eq!(reason(catalog.tell("u", &[1], BlockStatus::Unspecified).await), "INVALID_ENUM");
    assert_eq!(catalog.runs("u").await, ["(0,10,AVAILABLE)"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_are_told_while_they_are_reserved() {
    let catalog = Catalog::start().await;
    catalog.sync(1_000).await;
    let buy = async || {
        for n in 0..20 {
            let id = order();
            catalog.reserve(id, &[("u", 3_000)]).await.unwrap();
            if n % 2 == 0 { catalog.release(id, "").await } else { catalog.sell(id).await }.unwrap();
        }
    };
    let tell = async |first: i64| {
        let words = [BlockStatus::Sold, BlockStatus::Available, BlockStatus::Reserved];
        for n in 0..20 {
            let blocks: Vec<i64> = (0..5).map(|block| (first + 7 * n + block * 3) % 200).collect();
            let told = catalog.tell("u", &blocks, words[usize::try_from(n).unwrap() % 3]).await;
            if let Err(refused) = told {
                assert_eq!(reason::<()>(Err(refused)), "BLOCK_TAKEN");
            }
        }
    };
    tokio::join!(buy(), buy(), tell(0), tell(50), buy(), tell(100));
    catalog.assert_sound().await;
    // A block that is free is whoever's comes first.
    let u = catalog.get("u").await;
    let (all, first) = ([("u", u.available_wh)], [first_free(&catalog.runs("u").await)]);
    let (reserved, told) =
        tokio::join!(catalog.reserve(order(), &all), catalog.tell("u", &first, BlockStatus::Sold));
    let held = reserved.unwrap().status() == ReservationStatus::Held;
    assert_eq!(held, told.is_err());
    catalog.assert_sound().await;
}

fn first_free(runs: &[String]) -> i64 {
    let run = runs.iter().find(|run| run.contains("AVAILABLE")).unwrap();
    run.trim_start_matches('(').split(',').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_block_is_told_and_reserved_two_hundred_times_and_each_time_one_wins() {
    let catalog = Catalog::start().await;
    catalog.sync(1).await;
    let mut told_first = 0;
    for _ in 0..200 {
        let id = order();
        let lines = [("u", 1_000)];
        let (reserved, told) =
            tokio::join!(catalog.reserve(id, &lines), catalog.tell("u", &[0], BlockStatus::Sold));
        match reserved.unwrap().status() {
            ReservationStatus::Held => {
                assert_eq!(reason(told), "BLOCK_TAKEN");
                catalog.release(id, "").await.unwrap();
            }
            _ => {
                told.unwrap();
                told_first += 1;
                catalog.tell("u", &[0], BlockStatus::Available).await.unwrap();
            }
        }
    }
    println!("told first: {told_first} of 200");
    catalog.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_offers_of_one_item_are_told_at_once_and_its_last_kwh_goes_once() {
    let catalog = Catalog::start().await;
    catalog.sync(1).await;
    let v = Offer { origin: SYNC, provider_id: "s".into(), item_id: "t".into(), ..offer("v", 1) };
    catalog.offer(v).await.unwrap();
    let tells = (0..8).map(|n| catalog.tell(if n % 2 == 0 { "u" } else { "v" }, &[0], BlockStatus::Sold));
    let told = join_all(tells).await;
    // The same said again of the one that got it is no error.
    assert_eq!(told.iter().filter(|told| told.is_ok()).count(), 4);
    for refused in told.into_iter().filter(Result::is_err) {
        assert_eq!(reason(refused), "STOCK_SHORT");
    }
    catalog.assert_sound().await;
}
