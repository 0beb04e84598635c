//! What one BAP may hold unconfirmed, and how many trades one may make in a day.

use futures::future::join_all;
use p2p_proto::{catalog::ReservationStatus, order::*, reason};
use tonic::{Code, Status};

use crate::system::{System, made, outgoing, received};

const NO_TRADES: (&str, &str) = ("TRANSACTIONS_PER_DAY", "0");
const NO_HOLD: (&str, &str) = ("BAP_HOLD_KWH", "0");

fn of(bap: &str, message: ReceivedMessage) -> ReceivedMessage {
    let message_id = format!("{bap}-{}", message.message_id);
    ReceivedMessage { sender: bap.into(), bap_id: bap.into(), message_id, ..message }
}

fn init(bap: &str, n: usize) -> ReceivedMessage {
    of(bap, received("init", &format!("t-{n}"), &format!("init-{n}")))
}

fn refusal(begun: &BeginResponse) -> Option<&Refusal> {
    begun.verdict.as_ref().unwrap().refusal.as_ref()
}

async fn unconfirmed(system: &System, bap: &str) -> usize {
    let orders = system.orders.clone().list_provider_orders(ListProviderOrdersRequest::default()).await;
    let orders = orders.unwrap().into_inner().orders;
    let holds = |order: &&Order| matches!(order.status(), OrderStatus::Draft | OrderStatus::Pending);
    orders.iter().filter(|order| order.bap_id == bap).filter(holds).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_thirty_two_inits_at_once_a_bap_holds_no_more_than_it_may() {
    let system = System::with([("BAP_HOLD_KWH", "45"), NO_TRADES]).await;
    let gateway = system.join("g").await;
    let inits = (0..32).map(|n| system.init(&gateway, init("greedy", n), 10));
    let (greedy, honest) = tokio::join!(join_all(inits), system.init(&gateway, init("honest", 0), 45));
    assert_eq!(refusal(&honest), None, "another BAP has its own");
    let (refused, held): (Vec<_>, Vec<_>) = greedy.iter().partition(|begun| refusal(begun).is_some());
    assert_eq!((held.len(), refused.len(), unconfirmed(&system, "greedy").await), (4, 28, 4));
    let why = refusal(refused[0]).unwrap();
    assert_eq!(why.code, "40001");
    assert_eq!(
        why.message,
        "10 kWh are too much: a BAP may hold 45 kWh in orders that are not confirmed, and 40 kWh are held"
    );
    // Its verdict is stored, and no stock was asked for.
    let (n, _) = greedy.iter().enumerate().find(|(_, begun)| refusal(begun).is_some()).unwrap();
    let again = system.init(&gateway, init("greedy", n), 10).await;
    assert_eq!((again.outcome(), refusal(&again)), (Outcome::Repeated, Some(why)));
    assert_eq!(system.catalog.reserved(), 5);
    // What is left fits, and an init that is gone on with needs no more room.
    assert!(refusal(&system.init(&gateway, init("greedy", 32), 5).await).is_none());
    let n = greedy.iter().position(|begun| refusal(begun).is_none()).unwrap();
    let resumed = system.try_init(&gateway, init("greedy", n), 10, true).await.unwrap();
    assert_eq!(made(&resumed).id, made(&greedy[n]).id);
}

#[tokio::test]
async fn what_is_confirmed_or_given_back_is_not_held() {
    let system = System::with([("BAP_HOLD_KWH", "20"), NO_TRADES]).await;
    let gateway = system.join("g").await;
    let held = system.order_in(&gateway, "t-held", false).await;
    system.order_in(&gateway, "t-other", false).await;
    let full = |n: usize| received("init", &format!("full-{n}"), &format!("full-{n}"));
    assert!(refusal(&system.init(&gateway, full(0), 1).await).is_some());

    let cancel = received("cancel", "t-held", "cancel");
    let begun = system.try_cancel(&gateway, cancel.clone(), &held.id, false).await.unwrap();
    system.finish(&gateway, &cancel, begun.change).await.unwrap();
    assert!(system.catalog.is(&held.id, ReservationStatus::Released));
    system.order_in(&gateway, "t-sold", true).await;
    system.order_in(&gateway, "t-next", false).await;
    assert!(refusal(&system.init(&gateway, full(1), 1).await).is_some());
}

async fn send(system: &System, gateway: &Gateway, client: &str, transaction: &str) -> Result<bool, Status> {
    let request = SendRequest {
        gateway: Some(gateway.clone()),
        bap_id: "ours".into(),
        transaction_id: transaction.into(),
        message: Some(outgoing("discover", &format!("{client}-{transaction}"), "{}")),
        client_id: client.into(),
        ..Default::default()
    };
    Ok(!system.mailbox.clone().send(request).await?.into_inner().stale)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_makes_no_more_trades_in_a_day_than_it_may() {
    let system = System::with([("TRANSACTIONS_PER_DAY", "4"), NO_HOLD]).await;
    let gateway = system.join("g").await;
    let names: Vec<String> = (0..16).map(|n| format!("t-{n}")).collect();
    let greedy = names.iter().map(|name| send(&system, &gateway, "greedy", name));
    let (greedy, honest) = tokio::join!(join_all(greedy), send(&system, &gateway, "honest", "h"));
    assert!(honest.unwrap());
    assert_eq!(greedy.iter().filter(|sent| sent.is_ok()).count(), 4);
    let refused = greedy.iter().find_map(|sent| sent.as_ref().err()).unwrap();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(reason(refused).as_deref(), Some("QUOTA_EXCEEDED"));
    assert_eq!(refused.message(), "at most 4 new transactions in 24 hours; try again later");
    // Nothing of them is stored, so that they are still anybody's to make.
    let n = greedy.iter().position(Result::is_err).unwrap();
    assert!(send(&system, &gateway, "honest", &names[n]).await.unwrap());
    // What it made goes on, and a day later there is room again.
    let n = greedy.iter().position(Result::is_ok).unwrap();
    assert!(!send(&system, &gateway, "greedy", &names[n]).await.unwrap(), "stale, but not refused");
    system
        .run("UPDATE orders.transactions SET created_at = created_at - interval '24 hours' WHERE client_id = 'greedy'")
        .await;
    assert!(send(&system, &gateway, "greedy", "tomorrow").await.unwrap());
}

#[tokio::test]
async fn a_foreign_bap_makes_no_more_trades_in_a_day_than_it_may_and_nothing_is_stored_beyond() {
    let system = System::with([("TRANSACTIONS_PER_DAY", "2"), NO_HOLD]).await;
    let gateway = system.join("g").await;
    system.record(&gateway, of("foreign", received("select", "t-0", "m-0"))).await;
    assert!(refusal(&system.init(&gateway, init("foreign", 1), 10).await).is_none());
    let refused = system.try_init(&gateway, init("foreign", 2), 10, false).await.unwrap_err();
    assert_eq!(reason(&refused).as_deref(), Some("QUOTA_EXCEEDED"));
    assert_eq!((unconfirmed(&system, "foreign").await, system.catalog.reserved()), (1, 1));
    system.record(&gateway, of("foreign", received("status", "t-0", "m-1"))).await;
    system.record(&gateway, of("another", received("select", "t-2", "m-0"))).await;
    // Our own buyers' trades are no BAP's, and those who send for no client are not counted.
    for n in 0..3 {
        assert!(send(&system, &gateway, "", &format!("s-{n}")).await.unwrap());
    }
}
