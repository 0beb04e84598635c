//! Recording, sending, marking, listing.

use p2p_proto::order::*;

use crate::system::{BAP, System, outgoing, received};

pub async fn send(system: &System, gateway: &Gateway, message: &str, seen: i64) -> SendResponse {
    let request = SendRequest {
        gateway: Some(gateway.clone()),
        bap_id: BAP.into(),
        transaction_id: "t".into(),
        message: Some(outgoing("select", message, "{}")),
        buyer_json: r#"{"selectedQuantity":30}"#.into(),
        seen_buyer_seq: seen,
        client_id: String::new(),
    };
    system.mailbox.clone().send(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_message_is_recorded_once_with_its_callback() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let first = system.record(&gateway, received("select", "t", "m-1")).await;
    assert_eq!(first.outcome(), Outcome::Accepted);
    assert!(!first.delivery_id.is_empty());
    let again = system.record(&gateway, received("select", "t", "m-1")).await;
    assert_eq!((again.outcome(), again.verdict), (Outcome::Repeated, first.verdict));
    let events = system.events("t", false).await.events;
    let seen: Vec<_> =
        events.iter().map(|e| (e.seq, e.action.as_str(), e.direction(), e.buyer_seq)).collect();
    assert_eq!(seen, [(1, "select", Direction::Inbound, 0), (2, "on_select", Direction::Outbound, 0)]);
    assert_eq!(events[0].raw_json, r#"{"message":"m-1"}"#);
}

#[tokio::test]
async fn a_poisoned_message_among_good_ones_fails_alone() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let records = (0..100).map(|n| {
        let mut mailbox = system.mailbox.clone();
        let mut message = received("discover", &format!("t-{n}"), &format!("m-{n}"));
        if n == 37 {
            message.body = "a NUL that no text column takes: \0".into();
        }
        let request = RecordRequest {
            gateway: Some(gateway.clone()),
            message: Some(message),
            verdict: Some(Verdict { refusal: None, timestamp: crate::system::now() }),
            ..Default::default()
        };
        async move { mailbox.record(request).await }
    });
    let answers = futures::future::join_all(records).await;
    let failed: Vec<_> =
        answers.iter().enumerate().filter(|(_, answer)| answer.is_err()).map(|(n, _)| n).collect();
    assert_eq!(failed, [37]);
}

#[tokio::test]
async fn the_same_message_sixteen_times_at_once_is_one_message() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let records = (0..16).map(|_| system.record(&gateway, received("status", "t", "m-1")));
    let answers = futures::future::join_all(records).await;
    let accepted = answers.iter().filter(|answer| answer.outcome() == Outcome::Accepted).count();
    assert_eq!(accepted, 1);
    assert!(answers.iter().all(|answer| answer.verdict == answers[0].verdict));
    assert_eq!(system.events("t", false).await.events.len(), 2);
}

#[tokio::test]
async fn a_stale_sender_stores_nothing() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let first = send(&system, &gateway, "m-1", 0).await;
    assert_eq!((first.stale, first.buyer_seq), (false, 1));
    let callback = system.record(&gateway, received("on_select", "t", "m-1")).await;
    assert_eq!(callback.buyer_seq, 2);
    let stale = send(&system, &gateway, "m-2", 1).await;
    assert_eq!((stale.stale, stale.buyer_seq), (true, 2));
    assert!(!send(&system, &gateway, "m-2", 2).await.stale);
    let view = system.events("t", true).await;
    assert_eq!(view.buyer_seq, 3);
    assert_eq!(view.events.iter().map(|e| e.buyer_seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(view.events[0].buyer_json, r#"{"selectedQuantity":30}"#);
}

#[tokio::test]
async fn a_refused_request_is_told_with_its_event_and_counts_for_the_buyer() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let sent = send(&system, &gateway, "m-1", 0).await;
    let refusal = Refusal { code: "40001".into(), message: "no".into() };
    let delivered = delivery_mark::Delivered { refusal: Some(refusal.clone()) };
    let mark = DeliveryMark {
        delivery_id: sent.delivery_id,
        result: Some(delivery_mark::Result::Delivered(delivered)),
    };
    let request = MarkRequest { gateway: Some(gateway.clone()), marks: vec![mark] };
    let marked = system.mailbox.clone().mark(request).await.unwrap().into_inner();
    assert_eq!(marked.buyer_seqs, [2]);
    let view = system.events("t", true).await;
    assert_eq!((view.buyer_seq, view.events[0].refusal.clone()), (2, Some(refusal)));
}

#[tokio::test]
async fn a_cleared_view_is_empty_and_makes_its_senders_stale() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    send(&system, &gateway, "m-1", 0).await;
    let list = || async {
        let request = ListTransactionsRequest {
            bap_id: BAP.into(),
            limit: 0,
            cursor: String::new(),
            client_id: String::new(),
        };
        system.mailbox.clone().list_transactions(request).await.unwrap().into_inner().transactions.len()
    };
    assert_eq!(list().await, 1);
    let clear = ClearTransactionsRequest { bap_id: BAP.into() };
    let cleared =
        system.mailbox.clone().clear_transactions(clear.clone()).await.unwrap().into_inner().cleared;
    let again = system.mailbox.clone().clear_transactions(clear).await.unwrap().into_inner().cleared;
    assert_eq!((cleared, again), (1, 0));
    assert_eq!(list().await, 0);
    assert!(system.events("t", true).await.events.is_empty());
    assert!(send(&system, &gateway, "m-2", 1).await.stale);
    let request = GetTransactionRequest { bap_id: BAP.into(), transaction_id: "t".into() };
    let error = system.mailbox.clone().get_transaction(request).await.unwrap_err();
    assert_eq!(p2p_proto::reason(&error).as_deref(), Some("TRANSACTION_NOT_FOUND"));
}

#[tokio::test]
async fn transactions_are_listed_newest_first_page_by_page() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    for n in 0..5 {
        system.record(&gateway, received("on_discover", &format!("t-{n}"), &format!("m-{n}"))).await;
    }
    let (mut cursor, mut listed) = (String::new(), vec![]);
    loop {
        let request =
            ListTransactionsRequest { bap_id: BAP.into(), limit: 2, cursor, client_id: String::new() };
        let page = system.mailbox.clone().list_transactions(request).await.unwrap().into_inner();
        listed.extend(page.transactions.into_iter().map(|t| t.transaction_id));
        cursor = page.next_cursor;
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(listed, ["t-4", "t-3", "t-2", "t-1", "t-0"]);
    let request = ListTransactionsRequest {
        bap_id: BAP.into(),
        limit: 2,
        cursor: "nonsense".into(),
        client_id: String::new(),
    };
    assert_eq!(
        system.mailbox.clone().list_transactions(request).await.unwrap_err().code(),
        tonic::Code::InvalidArgument
    );
}

#[tokio::test]
async fn a_dead_letter_is_listed_and_comes_back_with_the_same_bytes() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let recorded = system.record(&gateway, received("discover", "t", "m-1")).await;
    let redrive = || async {
        let request = RedriveRequest { delivery_id: recorded.delivery_id.clone() };
        system.mailbox.clone().redrive(request).await
    };
    let error = redrive().await.unwrap_err();
    assert_eq!(p2p_proto::reason(&error).as_deref(), Some("DELIVERY_NOT_DEAD"));
    let dead = delivery_mark::Dead { error: "answered 400".into(), refusal: None };
    let result = Some(delivery_mark::Result::Dead(dead));
    let marks = vec![DeliveryMark { delivery_id: recorded.delivery_id.clone(), result }];
    system.mailbox.clone().mark(MarkRequest { gateway: Some(gateway.clone()), marks }).await.unwrap();
    let listed = system.mailbox.clone().list_dead(ListDeadRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.letters.len(), 1);
    assert_eq!(listed.letters[0].error, "answered 400");
    redrive().await.unwrap();
    let claimed = system.claim(&gateway).await;
    assert_eq!((claimed.deliveries[0].attempts, claimed.deliveries[0].body.as_str()), (0, "{}"));
}

#[tokio::test]
async fn a_request_that_failed_is_not_made_again_behind_a_newer_one() {
    let system = System::with_leases("1").await;
    let gateway = system.join("g").await;
    let first = send(&system, &gateway, "m-1", 0).await;
    let retry = delivery_mark::Retry { after: Some(Default::default()), error: "answered 503".into() };
    let mark = DeliveryMark {
        delivery_id: first.delivery_id.clone(),
        result: Some(delivery_mark::Result::Retry(retry)),
    };
    let request = MarkRequest { gateway: Some(gateway.clone()), marks: vec![mark] };
    system.mailbox.clone().mark(request).await.unwrap();
    let second = send(&system, &gateway, "m-2", first.buyer_seq).await;
    assert!(!second.stale);
    // The first one is due, and nobody gets it.
    let claimed = system.claim(&gateway).await.deliveries;
    assert!(claimed.iter().all(|delivery| delivery.id != first.delivery_id), "{claimed:?}");
    let dead = system.mailbox.clone().list_dead(ListDeadRequest::default()).await.unwrap().into_inner();
    let [letter] = &dead.letters[..] else { panic!("{dead:?}") };
    assert_eq!(letter.error, "superseded by a newer request");
    assert_eq!(letter.delivery.as_ref().unwrap().id, first.delivery_id);
}
