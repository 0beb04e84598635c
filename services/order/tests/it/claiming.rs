//! Leases: who may finish what, and what is taken over.

use p2p_proto::order::*;

use crate::{
    catalog::Mood,
    system::{System, made, received},
};

fn actions(claimed: &ClaimResponse) -> Vec<&str> {
    claimed.work.iter().map(|work| work.message.as_ref().unwrap().message_id.as_str()).collect()
}

#[tokio::test]
async fn what_is_leased_is_claimed_by_nobody_until_its_gateway_leaves() {
    let system = System::start().await;
    let (a, b) = (system.join("a").await, system.join("b").await);
    system.init(&a, received("init", "t", "m-1"), 30).await;
    system.record(&a, received("discover", "t-2", "m-2")).await;
    let nothing = system.claim(&b).await;
    assert!(nothing.work.is_empty() && nothing.deliveries.is_empty());
    system.mailbox.clone().leave(LeaveRequest { gateway: Some(a.clone()) }).await.unwrap();
    let claimed = system.claim(&b).await;
    assert_eq!(actions(&claimed), ["m-1"]);
    assert_eq!(claimed.work[0].message, Some(received("init", "t", "m-1")));
    assert_eq!(
        (claimed.deliveries[0].action.as_str(), claimed.deliveries[0].body.as_str()),
        ("on_discover", "{}")
    );
}

#[tokio::test]
async fn who_has_not_joined_or_was_followed_by_another_claims_nothing() {
    let system = System::start().await;
    let (a, b) = (system.join("a").await, system.join("b").await);
    system.init(&a, received("init", "t", "m-1"), 30).await;
    system.mailbox.clone().leave(LeaveRequest { gateway: Some(a.clone()) }).await.unwrap();
    let newest = system.join("b").await;
    let never = Gateway { id: "never-joined".into(), incarnation: 1 };
    for outdated in [b, never, Gateway { incarnation: newest.incarnation + 1, ..newest.clone() }] {
        let request = ClaimRequest { gateway: Some(outdated.clone()), limit: 100 };
        let error = system.mailbox.clone().claim(request).await.unwrap_err();
        assert_eq!(error.code(), tonic::Code::Aborted, "{outdated:?} {error:?}");
    }
    assert_eq!(actions(&system.claim(&newest).await), ["m-1"]);
    for id in ["", "a\0b", "a\nb"] {
        let joined = system.mailbox.clone().join(JoinRequest { gateway_id: id.into() }).await;
        assert_eq!(joined.unwrap_err().code(), tonic::Code::InvalidArgument, "{id:?}");
    }
}

#[tokio::test]
async fn a_gateway_that_lost_its_lease_changes_nothing() {
    let system = System::start().await;
    let (a, b) = (system.join("a").await, system.join("b").await);
    let init = received("init", "t", "m-1");
    let begun = system.init(&a, init.clone(), 30).await;
    system.mailbox.clone().leave(LeaveRequest { gateway: Some(a.clone()) }).await.unwrap();
    system.claim(&b).await;
    let error = system.finish(&a, &init, begun.change).await.unwrap_err();
    assert_eq!(p2p_proto::reason(&error).as_deref(), Some("LEASE_LOST"));
    let resumed = system.try_init(&b, init.clone(), 30, true).await.unwrap();
    assert_eq!(made(&resumed).id, made(&begun_again(&system, &b, &init).await).id);
    system.finish(&b, &init, resumed.change).await.unwrap();
    let error = system.finish(&b, &init, None).await.unwrap_err();
    assert_eq!(p2p_proto::reason(&error).as_deref(), Some("LEASE_LOST"), "it is done");
}

/// Deliveries of which a mark noted nothing.
async fn lost(system: &System, gateway: &Gateway, id: &str, result: delivery_mark::Result) -> Vec<String> {
    let mark = DeliveryMark { delivery_id: id.to_owned(), result: Some(result) };
    let request = MarkRequest { gateway: Some(gateway.clone()), marks: vec![mark] };
    system.mailbox.clone().mark(request).await.unwrap().into_inner().lost_ids
}

#[tokio::test]
async fn a_gateway_is_told_which_of_its_marks_noted_nothing() {
    let system = System::start().await;
    let (a, b) = (system.join("a").await, system.join("b").await);
    let id = &system.record(&a, received("discover", "t", "m-1")).await.delivery_id;
    system.mailbox.clone().leave(LeaveRequest { gateway: Some(a.clone()) }).await.unwrap();
    assert_eq!(system.claim(&b).await.deliveries.len(), 1);
    let delivered = || delivery_mark::Result::Delivered(delivery_mark::Delivered::default());
    let dead = delivery_mark::Result::Dead(delivery_mark::Dead::default());
    assert_eq!(lost(&system, &a, id, delivered()).await, [id.as_str()]);
    assert!(lost(&system, &b, id, delivered()).await.is_empty());
    assert!(
        lost(&system, &b, id, delivered()).await.is_empty(),
        "it is noted, though its answer may be lost"
    );
    assert_eq!(lost(&system, &b, id, dead).await, [id.as_str()]);
}

async fn begun_again(system: &System, gateway: &Gateway, init: &ReceivedMessage) -> BeginResponse {
    system.try_init(gateway, init.clone(), 30, true).await.unwrap()
}

#[tokio::test]
async fn a_restarted_gateway_takes_its_rows_back_at_once_and_fences_its_older_self() {
    let system = System::start().await;
    let older = system.join("a").await;
    let init = received("init", "t", "m-1");
    system.init(&older, init.clone(), 30).await;
    let newer = system.join("a").await;
    assert_eq!(newer.incarnation, older.incarnation + 1);
    assert_eq!(actions(&system.claim(&newer).await), ["m-1"]);
    assert!(system.finish(&older, &init, None).await.is_err());
}

#[tokio::test]
async fn what_a_dead_gateway_had_asked_for_is_claimed_at_once_though_it_was_committed_late() {
    let system = System::start().await;
    let older = system.join("a").await;
    let (newer, other) = (system.join("a").await, system.join("b").await);
    system.init(&older, received("init", "t", "m-1"), 30).await;
    system.record(&older, received("discover", "t-2", "m-2")).await;
    let nothing = system.claim(&other).await;
    assert!(nothing.work.is_empty() && nothing.deliveries.is_empty());
    let claimed = system.claim(&newer).await;
    assert_eq!(actions(&claimed), ["m-1"]);
    assert_eq!(claimed.deliveries[0].message_id, "m-2");
}

#[tokio::test]
async fn actions_of_one_trade_are_worked_in_the_order_of_their_acceptance() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    system.catalog.set(Mood::Away);
    let init = received("init", "t", "m-1");
    system.init(&gateway, init.clone(), 30).await;
    let status = system.record(&gateway, received("status", "t", "m-2")).await;
    assert_eq!((status.outcome(), status.delivery_id.as_str()), (Outcome::Queued, ""));
    assert!(actions(&system.claim(&gateway).await).is_empty(), "the init is leased, the status behind it");
    system.catalog.set(Mood::Well);
    let resumed = system.try_init(&gateway, init.clone(), 30, true).await.unwrap();
    system.finish(&gateway, &init, resumed.change).await.unwrap();
    assert_eq!(actions(&system.claim(&gateway).await), ["m-2"]);
    system.finish(&gateway, &received("status", "t", "m-2"), None).await.unwrap();
}

#[tokio::test]
async fn a_renewed_lease_outlives_its_first_end() {
    let system = System::with_leases("1").await;
    let (a, b) = (system.join("a").await, system.join("b").await);
    let init = received("init", "t", "m-1");
    system.init(&a, init.clone(), 30).await;
    let started = std::time::Instant::now();
    while started.elapsed() < std::time::Duration::from_millis(1_500) {
        let renew = RenewRequest {
            gateway: Some(a.clone()),
            work: vec![crate::system::work(&init)],
            delivery_ids: vec![],
        };
        assert_eq!(system.mailbox.clone().renew(renew).await.unwrap().into_inner().renewed, 1);
        assert!(system.claim(&b).await.work.is_empty());
    }
    // Without renewals it lapses, and the other one gets it.
    while system.claim(&b).await.work.is_empty() {
        assert!(started.elapsed() < std::time::Duration::from_secs(10));
    }
}
