//! Init and confirm, and what they do when they are repeated, raced or cut short.

use p2p_proto::order::{OrderStatus, Outcome};

use crate::{
    catalog::Mood,
    system::{System, failure, made, received},
};

#[tokio::test]
async fn an_init_holds_and_a_confirm_sells() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let init = received("init", "t", "m-1");
    let begun = system.init(&gateway, init.clone(), 30).await;
    assert_eq!(begun.outcome(), Outcome::Accepted);
    let order = made(&begun);
    assert_eq!(order.status(), OrderStatus::Pending);
    let total = order.quote.clone().unwrap().total.unwrap();
    assert_eq!((total.units, total.nanos), (2, 400_000_000), "0.08 x 30 = 2.4");
    assert_eq!(system.order("t", &order.id).await.unwrap().status(), OrderStatus::Draft);
    system.finish(&gateway, &init, begun.change).await.unwrap();
    assert_eq!(system.order("t", &order.id).await.unwrap(), order);

    let confirm = received("confirm", "t", "m-2");
    let begun = system.confirm(&gateway, confirm.clone(), &order.id).await;
    system.finish(&gateway, &confirm, begun.change).await.unwrap();
    assert_eq!(system.order("t", &order.id).await.unwrap().status(), OrderStatus::Active);

    let again = system.confirm(&gateway, received("confirm", "t", "m-3"), &order.id).await;
    assert_eq!(made(&again).status(), OrderStatus::Active);
    assert_eq!(again.change, None);
}

#[tokio::test]
async fn an_order_is_found_only_under_its_own_pair() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let order = made(&system.init(&gateway, received("init", "t", "m-1"), 30).await);
    let error = system.order("other", &order.id).await.unwrap_err();
    assert_eq!(p2p_proto::reason(&error).as_deref(), Some("ORDER_NOT_FOUND"));
    let refused = system.confirm(&gateway, received("confirm", "other", "m-2"), &order.id).await;
    let refusal = refused.verdict.unwrap().refusal.unwrap();
    assert_eq!((refusal.code.as_str(), refused.result), ("40403", None));
}

#[tokio::test]
async fn a_repeated_init_reads_the_stored_verdict_and_other_bytes_conflict() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let init = received("init", "t", "m-1");
    let first = system.init(&gateway, init.clone(), 30).await;
    let again = system.init(&gateway, init.clone(), 30).await;
    assert_eq!(again.outcome(), Outcome::Repeated);
    assert_eq!(again.verdict, first.verdict);
    assert_eq!(again.result, None);
    let mut other = init;
    other.body = "{}".into();
    assert_eq!(system.init(&gateway, other, 30).await.outcome(), Outcome::Conflict);
}

#[tokio::test]
async fn a_short_stock_cancels_the_order_and_says_40901() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    system.catalog.set(Mood::SoldOut);
    let init = received("init", "t", "m-1");
    let begun = system.init(&gateway, init.clone(), 30).await;
    assert!(begun.verdict.clone().unwrap().refusal.is_none());
    assert_eq!(failure(&begun).code, "40901");
    let id = begun.change.clone().unwrap().order_id;
    system.finish(&gateway, &init, begun.change).await.unwrap();
    assert_eq!(system.order("t", &id).await.unwrap().status(), OrderStatus::Cancelled);
    system.catalog.set(Mood::Well);
    let next = system.init(&gateway, received("init", "t", "m-2"), 30).await;
    assert_eq!(made(&next).status(), OrderStatus::Pending);
}

#[tokio::test]
async fn an_order_the_catalog_cannot_serve_is_refused_at_once() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let refused = system.init(&gateway, received("init", "t", "m-1"), 500).await;
    let refusal = refused.verdict.unwrap().refusal.unwrap();
    assert_eq!(refusal.code, "40001");
    assert!(refusal.message.starts_with("Requested quantity 500 exceeds available blocks 50"), "{refusal:?}");
    let next = system.init(&gateway, received("init", "t", "m-2"), 50).await;
    assert_eq!(next.outcome(), Outcome::Accepted, "a refused init leaves nothing open");
}

#[tokio::test]
async fn an_accepted_init_goes_on_when_the_catalog_is_back() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    system.catalog.set(Mood::Away);
    let init = received("init", "t", "m-1");
    let begun = system.init(&gateway, init.clone(), 30).await;
    assert!(begun.verdict.unwrap().refusal.is_none() && begun.result.is_none());
    let error = system.try_init(&gateway, init.clone(), 30, true).await.unwrap_err();
    assert_eq!(error.code(), tonic::Code::Unavailable);
    system.catalog.set(Mood::Well);
    let resumed = system.try_init(&gateway, init.clone(), 30, true).await.unwrap();
    let order = made(&resumed);
    system.finish(&gateway, &init, resumed.change).await.unwrap();
    assert_eq!(system.order("t", &order.id).await.unwrap().status(), OrderStatus::Pending);
}

#[tokio::test]
async fn without_an_id_the_newest_order_of_the_trade_is_read() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let error = system.order("t", "").await.unwrap_err();
    assert_eq!(p2p_proto::reason(&error).as_deref(), Some("ORDER_NOT_FOUND"), "there is none");
    let first = system.order_in(&gateway, "t", false).await;
    assert_eq!(system.order("t", "").await.unwrap().id, first.id);
    let cancel = received("cancel", "t", "m-cancel");
    let begun = system.try_cancel(&gateway, cancel.clone(), &first.id, false).await.unwrap();
    system.finish(&gateway, &cancel, begun.change).await.unwrap();
    assert_eq!(system.order("t", "").await.unwrap().status(), OrderStatus::Cancelled);
    let second = made(&system.init(&gateway, received("init", "t", "m-2"), 10).await);
    assert_ne!(second.id, first.id);
    assert_eq!(system.order("t", "").await.unwrap().id, second.id);
    assert_eq!(system.order("t", &first.id).await.unwrap().id, first.id);
    assert_eq!(system.order("t-2", "").await.unwrap_err().code(), tonic::Code::NotFound);
}

#[tokio::test]
async fn sixteen_inits_of_one_trade_at_once_make_one_order() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let inits = (0..16).map(|n| {
        let (system, gateway) = (&system, &gateway);
        async move { system.init(gateway, received("init", "t", &format!("m-{n}")), 30).await }
    });
    let mut accepted = 0;
    for begun in futures::future::join_all(inits).await {
        match begun.outcome() {
            Outcome::Accepted => accepted += 1,
            Outcome::Queued => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(accepted, 1, "the others wait behind it");
    let request = p2p_proto::order::ListOrdersRequest { bap_id: "bap".into(), transaction_id: "t".into() };
    assert_eq!(system.orders.clone().list_orders(request).await.unwrap().into_inner().orders.len(), 1);
}
