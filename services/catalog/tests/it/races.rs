//! Many at once.

use futures::future::join_all;
use p2p_proto::catalog::ReservationStatus;
use sea_orm::ConnectionTrait;

use crate::service::{Catalog, offer, order, reason};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_clients_drain_an_offer_and_no_block_is_held_twice() {
    let catalog = Catalog::with_item(1_000).await;
    catalog.offer(offer("o", 1_000)).await.unwrap();
    let drained = |client: i64| {
        let catalog = &catalog;
        async move {
            let (mut lot, mut held) = (client % 13 + 1, 0);
            while lot > 0 {
                let id = order();
                let status = catalog.reserve(id, &[("o", lot * 1_000)]).await.unwrap().status();
                match status {
                    // Every fifth is given back.
                    ReservationStatus::Held if (held + client) % 5 == 0 => {
                        catalog.release(id, "changed my mind").await.unwrap();
                        held += 1;
                    }
                    ReservationStatus::Held => {
                        catalog.sell(id).await.unwrap();
                        held += lot;
                    }
                    _ => lot -= 1,
                }
            }
        }
    };
    join_all((0..32).map(drained)).await;
    catalog.assert_sound().await;
    // A late release may have left something; nobody took what was not there.
    let left = catalog.get("o").await;
    assert_eq!((left.available_wh + left.sold_wh, left.reserved_wh), (1_000_000, 0));
    assert!(left.sold_wh >= 900_000, "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_offers_of_one_item_race_for_its_last_kwh() {
    let catalog = Catalog::with_item(1).await;
    catalog.offer(offer("a", 1)).await.unwrap();
    catalog.offer(offer("b", 1)).await.unwrap();
    let tries =
        (0..16).map(|n| catalog.reserve(order(), if n % 2 == 0 { &[("a", 1_000)] } else { &[("b", 1_000)] }));
    let answers = join_all(tries).await;
    let held = answers.iter().filter(|a| a.as_ref().unwrap().status() == ReservationStatus::Held).count();
    assert_eq!(held, 1);
    catalog.assert_sound().await;
    let (a, b) = (catalog.get("a").await, catalog.get("b").await);
    assert_eq!((a.sellable_wh, b.sellable_wh), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_equal_reservations_at_once_are_one() {
    let catalog = Catalog::with_item(100).await;
    catalog.offer(offer("o", 100)).await.unwrap();
    let id = order();
    let answers = join_all((0..16).map(|_| catalog.reserve(id, &[("o", 7_000)]))).await;
    for answer in answers {
        assert_eq!(answer.unwrap().status(), ReservationStatus::Held);
    }
    assert_eq!(catalog.get("o").await.reserved_wh, 7_000);
    catalog.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_commands_at_once_to_two_catalogs_are_one() {
    let catalog = Catalog::with_item(1_000).await;
    let other = catalog.beside().await;
    catalog.offer(offer("o", 1_000)).await.unwrap();
    let both = || [&catalog, &other].into_iter().cycle().take(16);
    for n in 1..=20 {
        let id = order();
        let reserved = join_all(both().map(|catalog| catalog.reserve(id, &[("o", 7_000)]))).await;
        assert!(reserved.iter().all(|answer| answer.as_ref().unwrap().status() == ReservationStatus::Held));
        let sold = join_all(both().map(|catalog| catalog.sell(id))).await;
        assert!(sold.iter().all(|answer| answer.as_ref().unwrap().status() == ReservationStatus::Sold));
        assert_eq!(catalog.get("o").await.sold_wh, n * 7_000);
    }
    catalog.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reservation_and_its_release_meet_over_two_catalogs() {
    let catalog = Catalog::with_item(100).await;
    let other = catalog.beside().await;
    catalog.offer(offer("o", 100)).await.unwrap();
    for _ in 0..20 {
        let id = order();
        let (reserved, released) =
            tokio::join!(catalog.reserve(id, &[("o", 7_000)]), other.release(id, "changed my mind"));
        assert_eq!(released.unwrap().status(), ReservationStatus::Released);
        // Before its release, or too late.
        let reserved = reserved.unwrap().status();
        assert!(matches!(reserved, ReservationStatus::Held | ReservationStatus::Released));
        assert_eq!(catalog.get("o").await.available_wh, 100_000);
    }
    catalog.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_whose_rows_contradict_one_another_fails_its_own_buyers_only() {
    let catalog = Catalog::with_item(100).await;
    for id in ["good", "bad"] {
        catalog.offer(offer(id, 50)).await.unwrap();
    }
    catalog.db.execute_unprepared("DELETE FROM block_runs WHERE offer_id = 'bad'").await.unwrap();
    let lines = [[("good", 1_000)], [("bad", 1_000)]];
    let answers =
        join_all((0..100).map(|n| catalog.reserve(order(), &lines[usize::from(n % 10 == 3)]))).await;
    for (n, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(reservation) if n % 10 != 3 => {
                assert!(matches!(reservation.status(), ReservationStatus::Held | ReservationStatus::Refused));
            }
            Err(status) if n % 10 == 3 => assert_eq!(reason::<()>(Err(status)), "IMPOSSIBLE_ROW"),
            other => panic!("{n}: {other:?}"),
        }
    }
    assert_eq!(catalog.get("good").await.reserved_wh, 50_000);
    assert_eq!(catalog.get("bad").await.reserved_wh, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reserve_sell_and_release_of_one_order_at_once_agree_in_the_end() {
    let catalog = Catalog::with_item(100).await;
    catalog.offer(offer("o", 100)).await.unwrap();
    for _ in 0..10 {
        let id = order();
        let (reserved, _sold, released) =
            tokio::join!(catalog.reserve(id, &[("o", 7_000)]), catalog.sell(id), catalog.release(id, "late"));
        reserved.unwrap();
        let end = released.unwrap().status();
        assert!(matches!(end, ReservationStatus::Released | ReservationStatus::Sold));
        assert_eq!(catalog.release(id, "again").await.unwrap().status(), end);
        catalog.assert_sound().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_over_the_same_offers_in_other_orders_do_not_block_each_other() {
    let catalog = Catalog::with_item(1_000).await;
    for id in ["a", "b", "c"] {
        catalog.offer(offer(id, 300)).await.unwrap();
    }
    let lines = [
        [("a", 1_000), ("b", 2_000), ("c", 3_000)],
        [("c", 1_000), ("a", 2_000), ("b", 3_000)],
        [("b", 1_000), ("c", 2_000), ("a", 3_000)],
    ];
    let answers = join_all((0..48).map(|n| catalog.reserve(order(), &lines[n % 3]))).await;
    assert!(answers.iter().all(|a| a.as_ref().unwrap().status() == ReservationStatus::Held));
    catalog.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_may_change_its_size_while_it_is_traded() {
    let catalog = Catalog::with_item(1_000).await;
    catalog.offer(offer("o", 200)).await.unwrap();
    let trade = || async {
        for n in 0..10 {
            let id = order();
            catalog.reserve(id, &[("o", 3_000)]).await.unwrap();
            if n % 2 == 0 { catalog.release(id, "").await } else { catalog.sell(id).await }.unwrap();
        }
    };
    let resize = async {
        for kwh in [150, 300, 200, 260, 180, 400] {
            catalog.offer(offer("o", kwh)).await.unwrap();
        }
    };
    tokio::join!(join_all((0..4).map(|_| trade())), resize);
    catalog.assert_sound().await;
    assert_eq!(catalog.get("o").await.sold_wh, 4 * 5 * 3_000);
}
