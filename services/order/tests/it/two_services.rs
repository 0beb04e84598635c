//! Two order services on one database: two writers, two sweepers.

use std::time::Duration;

use futures::future::join_all;
use p2p_proto::order::{mailbox_service_client::MailboxServiceClient, *};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement, TransactionTrait};
use tokio::time::{Instant, sleep};
use tonic::transport::Channel;

use crate::{
    mailbox::send,
    system::{BAP, System, now, outgoing, received},
};

const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);

async fn number(db: &DatabaseConnection, sql: &str) -> i64 {
    let statement = Statement::from_string(DbBackend::Postgres, format!("SELECT ({sql})::bigint AS n"));
    db.query_one_raw(statement).await.unwrap().unwrap().try_get("", "n").unwrap()
}

async fn until(db: &DatabaseConnection, sql: &str, wanted: i64) {
    let deadline = Instant::now() + PATIENCE;
    while number(db, sql).await != wanted {
        assert!(Instant::now() < deadline, "waited in vain for {wanted} of {sql}");
        sleep(POLL).await;
    }
}

async fn record(
    mailbox: &MailboxServiceClient<Channel>,
    gateway: &Gateway,
    message: ReceivedMessage,
) -> RecordResponse {
    let request = RecordRequest {
        gateway: Some(gateway.clone()),
        reply: Some(outgoing(&format!("on_{}", message.action), &message.message_id, "{}")),
        message: Some(message),
        verdict: Some(Verdict { refusal: None, timestamp: now() }),
        ..Default::default()
    };
    mailbox.clone().record(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn copies_of_a_message_to_both_are_one_message() {
    let system = System::start().await;
    let mailboxes = [system.mailbox.clone(), system.another().await];
    let gateway = system.join("g").await;
    let copies = (0..32).map(|n| record(&mailboxes[n % 2], &gateway, received("select", "t", "m-1")));
    let answers = join_all(copies).await;
    let accepted = answers.iter().filter(|answer| answer.outcome() == Outcome::Accepted).count();
    assert_eq!(accepted, 1);
    assert!(answers.iter().all(|answer| answer.verdict == answers[0].verdict));
    assert_eq!(system.events("t", false).await.events.len(), 2);
}

#[tokio::test]
async fn messages_of_one_trade_through_both_stand_in_one_order_without_gaps() {
    let system = System::start().await;
    let mailboxes = [system.mailbox.clone(), system.another().await];
    let gateway = system.join("g").await;
    let all =
        (0..60).map(|n| record(&mailboxes[n % 2], &gateway, received("discover", "t", &format!("m-{n}"))));
    let answers = join_all(all).await;
    assert!(answers.iter().all(|answer| answer.outcome() == Outcome::Accepted));
    let db = Database::connect(&system.database).await.unwrap();
    assert_eq!(number(&db, "SELECT count(DISTINCT seq) FROM orders.events").await, 120);
    assert_eq!(number(&db, "SELECT max(seq) FROM orders.events").await, 120);
    assert_eq!(number(&db, "SELECT seq FROM orders.transactions").await, 120);
}

/// A gateway that lost the answer to its report reports again, and may meet the other service.
#[tokio::test]
async fn a_refusal_that_is_reported_to_both_at_once_counts_once() {
    let system = System::start().await;
    let mailboxes = [system.mailbox.clone(), system.another().await];
    let gateway = system.join("g").await;
    let sent = send(&system, &gateway, "m-1", 0).await;
    let refusal = Refusal { code: "40001".into(), message: "no".into() };
    let delivered = delivery_mark::Delivered { refusal: Some(refusal) };
    let mark = DeliveryMark {
        delivery_id: sent.delivery_id.clone(),
        result: Some(delivery_mark::Result::Delivered(delivered)),
    };
    let request = MarkRequest { gateway: Some(gateway.clone()), marks: vec![mark] };

    let db = Database::connect(&system.database).await.unwrap();
    let held = db.begin().await.unwrap();
    held.execute_unprepared("SELECT FROM orders.transactions FOR UPDATE").await.unwrap();
    let marks = mailboxes.map(|mailbox| {
        let request = request.clone();
        tokio::spawn(async move { mailbox.clone().mark(request).await.unwrap().into_inner().buyer_seqs })
    });
    // Both have seen the delivery, and wait for its trade.
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until(&db, waiting, 2).await;
    held.commit().await.unwrap();
    let mut seqs = Vec::new();
    for mark in marks {
        seqs.extend(mark.await.unwrap());
    }
    seqs.sort_unstable();
    assert_eq!(seqs, [0, 2]);
    assert_eq!(number(&db, "SELECT buyer_seq FROM orders.transactions").await, 2);
}

#[tokio::test]
async fn two_sweepers_end_an_order_once() {
    let system = System::with_holds("1").await;
    let _another = system.another().await;
    let gateway = system.join("g").await;
    for n in 0..20 {
        system.order_in(&gateway, &format!("t-{n}"), false).await;
    }
    let db = Database::connect(&system.database).await.unwrap();
    until(&db, "SELECT count(*) FROM orders.orders WHERE status = 'EXPIRED'", 20).await;
    assert_eq!(number(&db, "SELECT count(*) FROM orders.outbox WHERE action = 'on_cancel'").await, 20);
}

/// What is decided on a trade as it was before its view was cleared is decided anew: the clearing counts, too.
#[tokio::test]
async fn a_view_that_is_cleared_beside_messages_stays_cleared() {
    let system = System::start().await;
    let mailboxes = [system.mailbox.clone(), system.another().await];
    let gateway = system.join("g").await;
    send(&system, &gateway, "m-0", 0).await;
    let messages = async {
        for n in 0..100 {
            record(&mailboxes[0], &gateway, received("discover", "t", &format!("m-{n}"))).await;
        }
    };
    let clearings = async {
        let mut cleared = 0;
        for _ in 0..100 {
            let request = ClearTransactionsRequest { bap_id: BAP.into() };
            cleared += mailboxes[1].clone().clear_transactions(request).await.unwrap().into_inner().cleared;
        }
        cleared
    };
    let ((), cleared) = tokio::join!(messages, clearings);
    let db = Database::connect(&system.database).await.unwrap();
    let counted = number(&db, "SELECT buyer_seq FROM orders.transactions").await;
    assert_eq!(
        counted,
        i64::try_from(cleared).unwrap() + 1,
        "one message of the buyer's side, and each clearing"
    );
}
