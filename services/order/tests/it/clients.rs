//! Trades of clients: each client's are its own.

use futures::future::join_all;
use p2p_proto::order::*;
use tonic::{Code, Status};

use crate::system::{BAP, System, outgoing, received};

async fn send(
    system: &System,
    gateway: &Gateway,
    client: &str,
    transaction: &str,
    seen: i64,
) -> Result<SendResponse, Status> {
    let request = SendRequest {
        gateway: Some(gateway.clone()),
        bap_id: BAP.into(),
        transaction_id: transaction.into(),
        message: Some(outgoing("discover", &format!("{client}-{transaction}-{seen}"), "{}")),
        seen_buyer_seq: seen,
        client_id: client.into(),
        ..Default::default()
    };
    Ok(system.mailbox.clone().send(request).await?.into_inner())
}

async fn get(system: &System, transaction: &str) -> Result<Transaction, Status> {
    let request = GetTransactionRequest { bap_id: BAP.into(), transaction_id: transaction.into() };
    Ok(system.mailbox.clone().get_transaction(request).await?.into_inner().transaction.unwrap())
}

async fn list(system: &System, client: &str) -> Vec<(String, String)> {
    let mut request = ListTransactionsRequest {
        bap_id: BAP.into(),
        limit: 2,
        client_id: client.into(),
        ..Default::default()
    };
    let mut listed = Vec::new();
    loop {
        let page = system.mailbox.clone().list_transactions(request.clone()).await.unwrap().into_inner();
        listed.extend(page.transactions.into_iter().map(|t| (t.transaction_id, t.client_id)));
        request.cursor = page.next_cursor;
        if request.cursor.is_empty() {
            return listed;
        }
    }
}

/// All that a status says.
fn bytes(status: &Status) -> (Code, String, Vec<u8>) {
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

#[tokio::test]
async fn a_clients_trade_is_its_own_and_to_others_it_is_not_there() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    let unknown = get(&system, "t").await.unwrap_err();
    assert!(!send(&system, &gateway, "a", "t", 0).await.unwrap().stale);
    for seen in [0, 1] {
        let refused = send(&system, &gateway, "b", "t", seen).await.unwrap_err();
        assert_eq!(bytes(&refused), bytes(&unknown));
    }
    assert!(send(&system, &gateway, "a", "t", 0).await.unwrap().stale);
    assert!(!send(&system, &gateway, "a", "t", 1).await.unwrap().stale);
    assert_eq!(system.events("t", false).await.events.len(), 2);
    // Without clients it is everybody's, and stays whose it is.
    assert!(!send(&system, &gateway, "", "t", 2).await.unwrap().stale);
    assert_eq!(get(&system, "t").await.unwrap().client_id, "a");
}

#[tokio::test]
async fn nobodys_trade_is_no_clients() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    system.record(&gateway, received("on_discover", "unasked", "m-1")).await;
    system.record(&gateway, received("select", "sold", "m-2")).await;
    send(&system, &gateway, "", "open", 0).await.unwrap();
    for transaction in ["unasked", "sold", "open"] {
        let unknown = get(&system, "nowhere").await.unwrap_err();
        let refused = send(&system, &gateway, "a", transaction, 0).await.unwrap_err();
        let (code, message, _) = bytes(&refused);
        assert_eq!(
            (code, message.replace(transaction, "nowhere")),
            (unknown.code(), unknown.message().into())
        );
    }
    assert_eq!(get(&system, "unasked").await.unwrap().client_id, "");
}

#[tokio::test]
async fn each_client_lists_its_own_and_the_operator_all() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    for n in 0..3 {
        send(&system, &gateway, "a", &format!("a-{n}"), 0).await.unwrap();
        send(&system, &gateway, "b", &format!("b-{n}"), 0).await.unwrap();
    }
    send(&system, &gateway, "", "n", 0).await.unwrap();
    let of = |client: &str, ids: &[&str]| -> Vec<(String, String)> {
        ids.iter().map(|id| ((*id).to_owned(), client.to_owned())).collect()
    };
    assert_eq!(list(&system, "a").await, of("a", &["a-2", "a-1", "a-0"]));
    assert_eq!(list(&system, "b").await, of("b", &["b-2", "b-1", "b-0"]));
    assert!(list(&system, "c").await.is_empty());
    assert_eq!(list(&system, "").await.len(), 7);
    assert_eq!(list(&system, "").await[0], ("n".into(), String::new()));
}

#[tokio::test]
async fn a_send_on_anothers_trade_leaves_those_beside_it_alone() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    send(&system, &gateway, "a", "t", 0).await.unwrap();
    let sends = (0..64).map(|n| {
        let (client, transaction) = if n % 2 == 0 { ("a", format!("t-{n}")) } else { ("b", "t".into()) };
        let (system, gateway) = (&system, &gateway);
        async move { send(system, gateway, client, &transaction, 0).await }
    });
    for (n, answer) in join_all(sends).await.into_iter().enumerate() {
        match n % 2 {
            0 => assert!(!answer.unwrap().stale, "{n}"),
            _ => assert_eq!(answer.unwrap_err().code(), Code::NotFound, "{n}"),
        }
    }
    assert_eq!(system.events("t", false).await.events.len(), 1);
    assert_eq!(list(&system, "b").await, []);
}

#[tokio::test]
async fn of_two_clients_that_make_the_same_trade_at_once_one_has_it() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    for n in 0..16 {
        let transaction = format!("t-{n}");
        let both = ["a", "b"].map(|client| send(&system, &gateway, client, &transaction, 0));
        let both = join_all(both).await;
        let owner = get(&system, &transaction).await.unwrap().client_id;
        for (client, answer) in ["a", "b"].into_iter().zip(both) {
            match answer {
                Ok(sent) => assert!(!sent.stale && client == owner),
                Err(refused) => assert!(refused.code() == Code::NotFound && client != owner),
            }
        }
        assert_eq!(system.events(&transaction, false).await.events.len(), 1);
    }
}

#[tokio::test]
async fn what_is_not_stored_makes_no_trade() {
    let system = System::start().await;
    let gateway = system.join("g").await;
    assert!(send(&system, &gateway, "a", "t", 7).await.unwrap().stale);
    assert!(!send(&system, &gateway, "b", "t", 0).await.unwrap().stale);
    assert_eq!(get(&system, "t").await.unwrap().client_id, "b");
    // The same in one batch: who asked first has stored nothing.
    let both = [("a", 7), ("b", 0)].map(|(client, seen)| send(&system, &gateway, client, "u", seen));
    join_all(both).await;
    assert_eq!(get(&system, "u").await.unwrap().client_id, "b");
    let request = SendRequest { client_id: "\u{e9}".into(), ..Default::default() };
    assert_eq!(system.mailbox.clone().send(request).await.unwrap_err().code(), Code::InvalidArgument);
}
