//! The four stock commands.

use p2p_proto::catalog::{GetBlockStatsRequest, ListOrderBlocksRequest, ReservationStatus};
use uuid::Uuid;

use crate::service::{Catalog, item, line, offer, order, reason};

async fn catalog_of_50() -> Catalog {
    let catalog = Catalog::with_item(100).await;
    catalog.offer(offer("o", 50)).await.unwrap();
    catalog
}

#[tokio::test]
async fn a_trade_holds_then_sells_then_returns_blocks() {
    let (catalog, id) = (catalog_of_50().await, order());

    let held = catalog.reserve(id, &[("o", 30_000)]).await.unwrap();
    assert_eq!(held.status(), ReservationStatus::Held);
    assert_eq!(held.lines, [line("o", 30_000)]);
    assert_eq!(catalog.runs("o").await, ["(0,20,AVAILABLE)", "(20,30,RESERVED)"]);

    assert_eq!(catalog.sell(id).await.unwrap().status(), ReservationStatus::Sold);
    let stored = catalog.get("o").await;
    assert_eq!((stored.available_wh, stored.reserved_wh, stored.sold_wh), (20_000, 0, 30_000));

    assert_eq!(catalog.give_back(id).await.unwrap().status(), ReservationStatus::Returned);
    assert_eq!(catalog.runs("o").await, ["(0,50,AVAILABLE)"]);
    catalog.assert_sound().await;
}

#[tokio::test]
async fn repeating_a_command_reads_the_same_answer_and_moves_nothing() {
    let (catalog, id) = (catalog_of_50().await, order());

    let held = catalog.reserve(id, &[("o", 30_000)]).await.unwrap();
    assert_eq!(catalog.reserve(id, &[("o", 30_000)]).await.unwrap(), held);
    assert_eq!(catalog.reserve(id, &[("o", 7_000), ("other", 1)]).await.unwrap(), held);
    assert_eq!(catalog.get("o").await.reserved_wh, 30_000);

    let sold = catalog.sell(id).await.unwrap();
    assert_eq!(catalog.sell(id).await.unwrap(), sold);
    assert_eq!(catalog.reserve(id, &[("o", 30_000)]).await.unwrap(), sold);
    assert_eq!(catalog.release(id, "expired").await.unwrap(), sold, "too late to release");
    assert_eq!(catalog.get("o").await.sold_wh, 30_000);

    let returned = catalog.give_back(id).await.unwrap();
    assert_eq!(catalog.give_back(id).await.unwrap(), returned);
    assert_eq!(catalog.sell(id).await.unwrap(), returned);
    assert_eq!(catalog.get("o").await.available_wh, 50_000);
    catalog.assert_sound().await;
}

#[tokio::test]
async fn a_release_gives_back_and_keeps_its_first_reason() {
    let (catalog, id) = (catalog_of_50().await, order());
    catalog.reserve(id, &[("o", 30_000)]).await.unwrap();

    let released = catalog.release(id, "cancelled").await.unwrap();
    assert_eq!((released.status(), released.reason.as_str()), (ReservationStatus::Released, "cancelled"));
    assert_eq!(released.lines, [line("o", 30_000)]);
    assert_eq!(catalog.release(id, "expired").await.unwrap(), released);
    assert_eq!(catalog.sell(id).await.unwrap(), released);
    assert_eq!(catalog.give_back(id).await.unwrap(), released);
    assert_eq!(catalog.runs("o").await, ["(0,50,AVAILABLE)"]);
    catalog.assert_sound().await;
}

#[tokio::test]
async fn a_reservation_that_arrives_after_its_release_holds_nothing() {
    let (catalog, id) = (catalog_of_50().await, order());

    let released = catalog.release(id, "expired").await.unwrap();
    assert_eq!((released.status(), released.lines.len()), (ReservationStatus::Released, 0));
    assert_eq!(catalog.reserve(id, &[("o", 30_000)]).await.unwrap(), released);
    assert_eq!(catalog.get("o").await.available_wh, 50_000);
    catalog.assert_sound().await;
}

#[tokio::test]
async fn selling_or_returning_for_an_unknown_order_is_not_found() {
    let catalog = catalog_of_50().await;
    assert_eq!(reason(catalog.sell(order()).await), "RESERVATION_NOT_FOUND");
    assert_eq!(reason(catalog.give_back(order()).await), "RESERVATION_NOT_FOUND");
}

#[tokio::test]
async fn a_shortage_is_refused_for_good_and_names_the_offer() {
    let (catalog, id) = (catalog_of_50().await, order());

    let refused = catalog.reserve(id, &[("o", 51_000)]).await.unwrap();
    assert_eq!(refused.status(), ReservationStatus::Refused);
    assert_eq!(refused.reason, "offer o has not enough left");
    assert_eq!(refused.lines, [line("o", 51_000)]);

    catalog.offer(offer("o", 60)).await.unwrap();
    assert_eq!(catalog.reserve(id, &[("o", 51_000)]).await.unwrap(), refused);
    assert_eq!(catalog.sell(id).await.unwrap(), refused);
    assert_eq!(catalog.release(id, "expired").await.unwrap(), refused);
    catalog.assert_sound().await;
}

#[tokio::test]
async fn an_offer_cannot_sell_more_than_its_item_has() {
    let catalog = Catalog::with_item(20).await;
    catalog.offer(offer("o", 50)).await.unwrap();
    assert_eq!(catalog.get("o").await.sellable_wh, 20_000);

    let refused = catalog.reserve(order(), &[("o", 21_000)]).await.unwrap();
    assert_eq!(refused.reason, "offer o has not enough left of its item i");
    let held = catalog.reserve(order(), &[("o", 20_000)]).await.unwrap();
    assert_eq!(held.status(), ReservationStatus::Held);
    catalog.assert_sound().await;
}

#[tokio::test]
async fn what_is_no_lot_is_refused() {
    let catalog = catalog_of_50().await;
    for (offer, wh) in [("o", 0), ("o", -1_000), ("o", 1_500), ("o", i64::MAX), ("o", i64::MIN), ("x", 1_000)]
    {
        let refused = catalog.reserve(order(), &[(offer, wh)]).await.unwrap();
        assert_eq!(refused.status(), ReservationStatus::Refused, "{offer} {wh}");
        assert!(refused.reason.starts_with(&format!("offer {offer} ")), "{}", refused.reason);
    }
    catalog.assert_sound().await;
}

#[tokio::test]
async fn lines_of_one_offer_are_added_up() {
    let catalog = catalog_of_50().await;
    let held = catalog.reserve(order(), &[("o", 20_000), ("o", 30_000)]).await.unwrap();
    assert_eq!(held.lines, [line("o", 50_000)]);
    let refused = catalog.reserve(order(), &[("o", 1_000)]).await.unwrap();
    assert_eq!(refused.status(), ReservationStatus::Refused);
}

#[tokio::test]
async fn an_order_over_two_offers_gets_all_or_nothing() {
    let catalog = catalog_of_50().await;
    catalog.item(item("i2", "p", 100)).await.unwrap();
    catalog.offer(p2p_proto::catalog::Offer { item_id: "i2".into(), ..offer("o2", 10) }).await.unwrap();

    catalog.offer(offer("wide", 200)).await.unwrap();
    let short = [
        [("o", 30_000), ("o2", 11_000)],
        [("o2", 5_000), ("o", 51_000)],
        // The item behind it has but 100.
        [("o2", 5_000), ("wide", 101_000)],
        [("o", 1_000), ("x", 1_000)],
    ];
    for short in short {
        let refused = catalog.reserve(order(), &short).await.unwrap();
        assert_eq!(refused.status(), ReservationStatus::Refused);
        for id in ["o", "o2", "wide"] {
            let untouched = catalog.get(id).await;
            assert_eq!(untouched.available_wh, untouched.total_wh);
        }
    }
    let id = order();
    catalog.reserve(id, &[("o2", 10_000), ("o", 30_000)]).await.unwrap();
    let held = ListOrderBlocksRequest { order_id: id.to_string() };
    let runs = catalog.client.clone().list_order_blocks(held).await.unwrap().into_inner().runs;
    let runs: Vec<_> = runs.iter().map(|r| (r.offer_id.as_str(), r.first_block, r.blocks)).collect();
    assert_eq!(runs, [("o", 20, 30), ("o2", 0, 10)]);

    catalog.sell(id).await.unwrap();
    catalog.give_back(id).await.unwrap();
    assert_eq!(catalog.runs("o2").await, ["(0,10,AVAILABLE)"]);
    catalog.assert_sound().await;
}

#[tokio::test]
async fn freed_blocks_merge_with_the_free_runs_on_both_sides() {
    let catalog = catalog_of_50().await;
    let orders: Vec<Uuid> = (0..4).map(|_| order()).collect();
    for id in &orders {
        catalog.reserve(*id, &[("o", 10_000)]).await.unwrap();
    }
    // From behind: 40..50, 30..40, 20..30, 10..20; free is 0..10.
    catalog.release(orders[1], "").await.unwrap();
    catalog.release(orders[3], "").await.unwrap();
    let apart = ["(0,20,AVAILABLE)", "(20,10,RESERVED)", "(30,10,AVAILABLE)", "(40,10,RESERVED)"];
    assert_eq!(catalog.runs("o").await, apart);
    catalog.release(orders[2], "").await.unwrap();
    assert_eq!(catalog.runs("o").await, ["(0,40,AVAILABLE)", "(40,10,RESERVED)"]);
    catalog.release(orders[0], "").await.unwrap();
    assert_eq!(catalog.runs("o").await, ["(0,50,AVAILABLE)"]);
    catalog.assert_sound().await;
}

#[tokio::test]
async fn an_order_is_filled_from_many_scattered_runs() {
    let catalog = Catalog::with_item(300).await;
    catalog.offer(offer("o", 300)).await.unwrap();
    let orders: Vec<Uuid> = (0..300).map(|_| order()).collect();
    for id in &orders {
        catalog.reserve(*id, &[("o", 1_000)]).await.unwrap();
    }
    for id in orders.iter().step_by(2) {
        catalog.release(*id, "").await.unwrap();
    }
    // 150 free runs of one block: more than are read at once.
    let (id, late) = (order(), order());
    assert_eq!(catalog.reserve(id, &[("o", 149_000)]).await.unwrap().status(), ReservationStatus::Held);
    assert_eq!(catalog.reserve(late, &[("o", 2_000)]).await.unwrap().status(), ReservationStatus::Refused);
    catalog.assert_sound().await;
    catalog.release(id, "").await.unwrap();
    catalog.assert_sound().await;
}

#[tokio::test]
async fn a_million_kwh_are_one_run_and_five_thousand_cost_what_one_costs() {
    let catalog = Catalog::with_item(1_000_000).await;
    catalog.offer(offer("o", 1_000_000)).await.unwrap();
    assert_eq!(catalog.runs("o").await, ["(0,1000000,AVAILABLE)"]);
    catalog.reserve(order(), &[("o", 5_000_000)]).await.unwrap();
    assert_eq!(catalog.runs("o").await, ["(0,995000,AVAILABLE)", "(995000,5000,RESERVED)"]);
}

#[tokio::test]
async fn block_stats_count_by_offer_in_blocks() {
    let catalog = catalog_of_50().await;
    catalog.offer(p2p_proto::catalog::Offer { block_wh: 5_000, ..offer("big", 20) }).await.unwrap();
    catalog.reserve(order(), &[("big", 15_000)]).await.unwrap();
    let request = GetBlockStatsRequest { offer_ids: ["big", "x", "o"].map(Into::into).into() };
    let stats = catalog.client.clone().get_block_stats(request).await.unwrap().into_inner().stats;
    let stats: Vec<_> =
        stats.iter().map(|s| (s.offer_id.as_str(), s.total, s.available, s.reserved, s.sold)).collect();
    assert_eq!(stats, [("big", 4, 1, 3, 0), ("o", 50, 50, 0, 0)]);
}
