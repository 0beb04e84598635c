//! What was accepted and can never be done: undone before the sale, never given up after it.

use p2p_proto::{catalog::ReservationStatus, is_permanent, order::*};

use crate::{
    catalog::Mood,
    system::{System, failure, made, received},
};

/// An order whose blocks are held.
async fn ordered(system: &System, gateway: &Gateway) -> Order {
    let init = received("init", "t", "m-1");
    let begun = system.init(gateway, init.clone(), 30).await;
    system.finish(gateway, &init, begun.change.clone()).await.unwrap();
    made(&begun)
}

async fn status(system: &System, order: &Order) -> OrderStatus {
    system.order("t", &order.id).await.unwrap().status()
}

#[tokio::test]
async fn an_init_that_can_never_be_done_is_undone_and_the_next_one_goes_on() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    system.catalog.set(Mood::Broken);
    let init = received("init", "t", "m-1");
    let begun = system.init(&gateway, init.clone(), 30).await;
    assert!(begun.verdict.unwrap().refusal.is_none() && begun.result.is_none());
    let error = system.try_init(&gateway, init.clone(), 30, true).await.unwrap_err();
    assert!(is_permanent(&error), "{error:?}");

    let given_up = system.give_up(&gateway, &init, "").await.unwrap();
    assert_eq!(failure(&given_up).code, "50001");
    let change = given_up.change.unwrap();
    assert_eq!((change.from(), change.to()), (OrderState::Cancelling, OrderState::Cancelled));
    assert!(system.catalog.is(&change.order_id, ReservationStatus::Released));
    system.finish(&gateway, &init, Some(change.clone())).await.unwrap();
    let order = system.order("t", &change.order_id).await.unwrap();
    assert_eq!((order.status(), order.reason.as_str()), (OrderStatus::Cancelled, "our side failed"));

    system.catalog.set(Mood::Well);
    let next = system.init(&gateway, received("init", "t", "m-2"), 30).await;
    assert_eq!((next.outcome(), made(&next).status()), (Outcome::Accepted, OrderStatus::Pending));
}

#[tokio::test]
async fn what_was_given_up_before_a_crash_stays_given_up() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    system.catalog.set(Mood::Broken);
    let init = received("init", "t", "m-1");
    system.init(&gateway, init.clone(), 30).await;
    system.give_up(&gateway, &init, "").await.unwrap();
    // Its Finish never came; by now the catalog is well again.
    system.catalog.set(Mood::Well);
    let resumed = system.try_init(&gateway, init.clone(), 30, true).await.unwrap();
    assert_eq!(failure(&resumed).code, "50001");
    assert_eq!(resumed.change.unwrap().to(), OrderState::Cancelled);
}

#[tokio::test]
async fn a_confirm_that_can_never_be_done_is_undone_before_the_sale() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let order = ordered(&system, &gateway).await;
    system.catalog.set(Mood::Broken);
    let confirm = received("confirm", "t", "m-2");
    let begun = system.confirm(&gateway, confirm.clone(), &order.id).await;
    assert!(begun.verdict.unwrap().refusal.is_none() && begun.result.is_none());
    let error = system.try_confirm(&gateway, confirm.clone(), &order.id, true).await.unwrap_err();
    assert!(is_permanent(&error), "{error:?}");

    let given_up = system.give_up(&gateway, &confirm, &order.id).await.unwrap();
    assert_eq!(failure(&given_up).code, "50001");
    system.finish(&gateway, &confirm, given_up.change).await.unwrap();
    assert_eq!(status(&system, &order).await, OrderStatus::Cancelled);
    assert!(system.catalog.is(&order.id, ReservationStatus::Released));
}

#[tokio::test]
async fn what_was_sold_before_it_could_be_given_up_goes_forward() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let order = ordered(&system, &gateway).await;
    system.catalog.set(Mood::SellsUnseen);
    let confirm = received("confirm", "t", "m-2");
    system.confirm(&gateway, confirm.clone(), &order.id).await;
    let given_up = system.give_up(&gateway, &confirm, &order.id).await.unwrap();
    assert_eq!(made(&given_up).status(), OrderStatus::Active);
    system.finish(&gateway, &confirm, given_up.change).await.unwrap();
    assert_eq!(status(&system, &order).await, OrderStatus::Active);
    assert!(system.catalog.is(&order.id, ReservationStatus::Sold));
}

#[tokio::test]
async fn what_is_not_known_to_be_released_is_not_given_up() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let order = ordered(&system, &gateway).await;
    system.catalog.set(Mood::AllBroken);
    let confirm = received("confirm", "t", "m-2");
    system.confirm(&gateway, confirm.clone(), &order.id).await;
    let error = system.give_up(&gateway, &confirm, &order.id).await.unwrap_err();
    assert!(is_permanent(&error), "{error:?}");
    assert_eq!(status(&system, &order).await, OrderStatus::Pending);
    let behind = system.record(&gateway, received("status", "t", "m-3")).await;
    assert_eq!(behind.outcome(), Outcome::Queued);

    system.catalog.set(Mood::Well);
    let resumed = system.try_confirm(&gateway, confirm.clone(), &order.id, true).await.unwrap();
    assert_eq!(made(&resumed).status(), OrderStatus::Active);
}

#[tokio::test]
async fn an_action_that_never_began_is_given_up_without_touching_the_order() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let init = received("init", "t", "m-1");
    let begun = system.init(&gateway, init.clone(), 30).await;
    let order = made(&begun);
    let behind = ["confirm", "status"].map(|action| received(action, "t", &format!("m-{action}")));
    let queued = system.confirm(&gateway, behind[0].clone(), &order.id).await;
    assert_eq!(queued.outcome(), Outcome::Queued);
    system.record(&gateway, behind[1].clone()).await;
    system.finish(&gateway, &init, begun.change).await.unwrap();
    for message in behind {
        let claimed = system.claim(&gateway).await.work;
        assert_eq!(claimed[0].message, Some(message.clone()));
        for _ in 0..2 {
            let given_up = system.give_up(&gateway, &message, &order.id).await.unwrap();
            assert_eq!((failure(&given_up).code.as_str(), given_up.change), ("50001", None));
        }
        system.finish(&gateway, &message, None).await.unwrap();
    }
    assert_eq!(status(&system, &order).await, OrderStatus::Pending);
    assert!(system.catalog.is(&order.id, ReservationStatus::Held));
}

#[tokio::test]
async fn only_who_has_the_lease_gives_up() {
    let system = System::start().await;
    let (a, b) = (system.join("a").await, system.join("b").await);
    system.catalog.set(Mood::Broken);
    let init = received("init", "t", "m-1");
    system.init(&a, init.clone(), 30).await;
    let error = system.give_up(&b, &init, "").await.unwrap_err();
    assert_eq!(p2p_proto::reason(&error).as_deref(), Some("LEASE_LOST"));
    assert!(system.catalog.reservations.lock().unwrap().is_empty());
}
