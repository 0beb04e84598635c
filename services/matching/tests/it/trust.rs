//! GetTrust and SetTrust.

use p2p_proto::{
    matching::{GetTrustRequest, SetTrustRequest, Trust},
    reason,
};
use sea_orm::{ConnectionTrait, Database};
use tonic::Code;

use crate::server::Server;

fn trust(provider: &str, score: f64, total_orders: i64, successful_orders: i64) -> Trust {
    Trust { provider_id: provider.into(), score, total_orders, successful_orders }
}

fn set(trust: Trust) -> SetTrustRequest {
    SetTrustRequest { trust: Some(trust), unless_counted: false }
}

#[tokio::test]
async fn a_provider_never_heard_of_has_half_trust_over_no_orders() {
    let server = Server::start().await;
    let request = GetTrustRequest { provider_ids: vec!["new".into()] };
    let answer = server.client().get_trust(request).await.unwrap().into_inner();
    assert_eq!(answer.trust, [trust("new", 0.5, 0, 0)]);
}

#[tokio::test]
async fn trust_that_was_set_is_read_in_the_order_asked_for() {
    let server = Server::start().await;
    let mut client = server.client();
    let (alpha, beta) = (trust("alpha", 0.85, 20, 17), trust("beta", 0.60, 5, 3));
    for it in [&alpha, &beta] {
        let stored = client.set_trust(set(it.clone())).await.unwrap().into_inner();
        assert_eq!(stored.trust.as_ref(), Some(it));
    }
    let request = GetTrustRequest { provider_ids: ["beta", "new", "alpha", "beta"].map(Into::into).into() };
    let answer = client.get_trust(request).await.unwrap().into_inner();
    assert_eq!(answer.trust, [beta.clone(), trust("new", 0.5, 0, 0), alpha, beta]);
}

#[tokio::test]
async fn trust_that_is_set_again_replaces_the_old() {
    let server = Server::start().await;
    let mut client = server.client();
    client.set_trust(set(trust("alpha", 0.1, 1, 0))).await.unwrap();
    client.set_trust(set(trust("alpha", 0.85, 20, 17))).await.unwrap();
    let request = GetTrustRequest { provider_ids: vec!["alpha".into()] };
    let answer = client.get_trust(request).await.unwrap().into_inner();
    assert_eq!(answer.trust, [trust("alpha", 0.85, 20, 17)]);
}

#[tokio::test]
async fn what_is_no_trust_is_refused_with_a_sentence() {
    let server = Server::start().await;
    let mut client = server.client();
    for (bad, sentence) in [
        (trust("p", f64::NAN, 0, 0), "a trust score is a number from 0 to 1"),
        (trust("p", 1.01, 0, 0), "a trust score is a number from 0 to 1"),
        (trust("p", 0.5, 3, 4), "successful orders are at most the total, and both at least 0"),
        (
            trust("", 0.5, 0, 0),
            "provider_id must be 1 to 255 printable ASCII characters without spaces around them",
        ),
    ] {
        let status = client.set_trust(set(bad)).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::InvalidArgument, sentence));
    }
    let status = client.set_trust(SetTrustRequest::default()).await.unwrap_err();
    assert_eq!(status.message(), "trust is missing");
}

#[tokio::test]
async fn more_than_ten_thousand_providers_are_refused() {
    let server = Server::start().await;
    let request = GetTrustRequest { provider_ids: vec!["p".into(); 10_001] };
    let status = server.client().get_trust(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(reason(&status).as_deref(), Some("TOO_MANY"));
}

#[tokio::test]
async fn the_table_itself_refuses_what_is_no_trust() {
    let server = Server::start().await;
    let db = Database::connect(&server.database).await.unwrap();
    for values in
        ["'', 0.5, 0, 0", "'p', 1.1, 0, 0", "'p', 'NaN', 0, 0", "'p', 0.5, 1, 2", "'p', 0.5, -1, -1"]
    {
        let sql = format!(
            "INSERT INTO matching.provider_trust (provider_id, trust_score, total_orders, successful_orders)
             VALUES ({values})"
        );
        let error = db.execute_unprepared(&sql).await.unwrap_err();
        assert_eq!(p2p_runtime::postgres::sql_state(&error).as_deref(), Some("23514"), "{values}: {error}");
    }
}
