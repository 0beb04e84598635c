//! How orders end while the catalog, the matching service or a gateway is away.

use std::time::Duration;

use p2p_proto::{catalog::ReservationStatus, matching::Outcome, order::*};
use tokio::time::{Instant, sleep};
use tonic::Code;

use crate::{
    catalog::Mood,
    system::{System, made, received},
};

/// Looks until it holds; the sweeper comes by once a second.
async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn seen(system: &System, order: &Order) -> OrderStatus {
    system.order(&order.transaction_id, &order.id).await.unwrap().status()
}

/// What one gateway has to say unasked.
async fn unasked(system: &System, gateway: &Gateway) -> Delivery {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let claimed = system.claim(gateway).await.deliveries;
        if let Some(delivery) = claimed.into_iter().find(|delivery| delivery.unsolicited.is_some()) {
            return delivery;
        }
        assert!(Instant::now() < deadline, "nothing is said unasked");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_cancel_that_was_accepted_goes_on_when_the_catalog_is_back() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    for (transaction, sold) in [("t-held", false), ("t-sold", true)] {
        let order = system.order_in(&gateway, transaction, sold).await;
        let before = seen(&system, &order).await;
        let cancel = received("cancel", transaction, &format!("{transaction}-cancel"));
        system.catalog.set(Mood::Away);
        let begun = system.try_cancel(&gateway, cancel.clone(), &order.id, false).await.unwrap();
        assert_eq!((begun.outcome(), begun.result), (p2p_proto::order::Outcome::Accepted, None));
        // Until the blocks are back it is seen as it was, and what comes next waits.
        assert_eq!(seen(&system, &order).await, before);
        let again = system.try_cancel(&gateway, cancel.clone(), &order.id, true).await;
        assert_eq!(again.unwrap_err().code(), Code::Unavailable);
        assert_eq!(system.complete(&order.id).await.unwrap_err().code(), Code::Unavailable);
        system.catalog.set(Mood::Well);
        let resumed = system.try_cancel(&gateway, cancel.clone(), &order.id, true).await.unwrap();
        assert_eq!(made(&resumed).status(), OrderStatus::Cancelled);
        system.finish(&gateway, &cancel, resumed.change).await.unwrap();
        let cancelled = system.order(transaction, &order.id).await.unwrap();
        assert_eq!((cancelled.status(), cancelled.reason.as_str()), (OrderStatus::Cancelled, "cloudy"));
        let back = if sold { ReservationStatus::Returned } else { ReservationStatus::Released };
        assert!(system.catalog.is(&order.id, back));
    }
}

#[tokio::test]
async fn an_order_expires_when_the_catalog_is_back_and_its_buyer_is_told_in_the_same_words_by_whoever_lives()
{
    let system = System::with_holds("1").await;
    let gateway = system.join("g").await;
    let order = system.order_in(&gateway, "t", false).await;
    system.catalog.set(Mood::Away);
    sleep(Duration::from_millis(1_100)).await;
    let begun = system.confirm(&gateway, received("confirm", "t", "late"), &order.id).await;
    assert!(begun.verdict.unwrap().refusal.unwrap().message.contains("has ended"));
    assert_eq!(seen(&system, &order).await, OrderStatus::Pending);
    system.catalog.set(Mood::Well);
    until("the expiry", || async { seen(&system, &order).await == OrderStatus::Cancelled }).await;
    assert!(system.catalog.is(&order.id, ReservationStatus::Released));

    let delivery = unasked(&system, &gateway).await;
    assert_eq!((delivery.action.as_str(), delivery.body.as_str()), ("on_cancel", ""));
    let said = delivery.unsolicited.clone().unwrap();
    assert_eq!(said.init_body, received("init", "t", "t-init").body);
    assert_eq!(said.order.unwrap().status(), OrderStatus::Cancelled);
    let composed = system.compose(&gateway, &delivery, "first").await.unwrap();
    assert_eq!((composed.body.as_str(), composed.unsolicited), ("first", None));
    assert_eq!(system.compose(&gateway, &delivery, "second").await.unwrap().body, "first");
    // The gateway dies and comes back: what was composed is what is sent.
    let next = system.join("g").await;
    assert_eq!(system.compose(&gateway, &delivery, "third").await.unwrap().body, "first");
    let claimed = system.claim(&next).await.deliveries;
    let again = claimed.iter().find(|claimed| claimed.id == delivery.id).unwrap();
    assert_eq!((again.body.as_str(), &again.message_id), ("first", &delivery.message_id));
    assert_eq!(system.compose(&gateway, &delivery, "fourth").await.unwrap_err().code(), Code::Aborted);
}

#[tokio::test]
async fn an_order_that_was_sold_before_it_could_expire_goes_forward() {
    let system = System::with_holds("1").await;
    let gateway = system.join("g").await;
    let order = system.order_in(&gateway, "t", false).await;
    system.catalog.move_to(&order.id, ReservationStatus::Sold);
    until("the sale", || async { seen(&system, &order).await == OrderStatus::Active }).await;
    assert!(system.catalog.is(&order.id, ReservationStatus::Sold));
}

#[tokio::test]
async fn an_outcome_is_told_until_it_is_acknowledged_and_then_no_more() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    *system.matching.away_for.lock().unwrap() = 2;
    let order = system.order_in(&gateway, "t", true).await;
    for _ in 0..2 {
        assert_eq!(system.complete(&order.id).await.unwrap().status(), OrderStatus::Completed);
    }
    let counted = || system.matching.counted.lock().unwrap().clone();
    until("the outcome", || async { !counted().is_empty() }).await;
    // Another sweep or two.
    sleep(Duration::from_millis(2_500)).await;
    assert_eq!(counted(), [(order.id.clone(), Outcome::Success)]);
}

#[tokio::test]
async fn anothers_order_is_answered_as_one_that_is_not_there() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let pending = system.order_in(&gateway, "t-held", false).await;
    let active = system.order_in(&gateway, "t-sold", true).await;
    let none = uuid::Uuid::new_v4().to_string();
    let complete = async |order: &str, provider: &str| {
        let request = CompleteOrderRequest { order_id: order.into(), provider_id: provider.into() };
        system.orders.clone().complete_order(request).await.map(drop)
    };
    let cancel = async |order: &str, provider: &str| {
        let request = CancelOrderRequest {
            order_id: order.into(),
            provider_id: provider.into(),
            reason: String::new(),
        };
        system.orders.clone().cancel_order(request).await.map(drop)
    };
    let words = |answer: Result<(), tonic::Status>, id: &str| {
        let status = answer.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
        (status.message().replace(id, "<id>"), p2p_proto::reason(&status))
    };
    let anothers = "another-provider";
    for order in [&pending, &active] {
        let id = order.id.as_str();
        assert_eq!(words(complete(id, anothers).await, id), words(complete(&none, anothers).await, &none));
        assert_eq!(words(cancel(id, anothers).await, id), words(cancel(&none, anothers).await, &none));
        assert!(seen(&system, order).await != OrderStatus::Cancelled);
    }
    complete(&active.id, &active.quote.unwrap().provider_id).await.unwrap();
}
