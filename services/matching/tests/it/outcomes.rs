//! RecordOutcome, and SetTrust beside it.
#![allow(clippy::float_arithmetic, reason = "scores are the only floats")]

use p2p_proto::matching::{
    GetOutcomeRequest, GetTrustRequest, Outcome, RecordOutcomeRequest, RecordOutcomeResponse,
    SetTrustRequest, Trust,
};
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::server::Server;

impl Server {
    async fn record(
        &self,
        order: Uuid,
        provider: &str,
        outcome: Outcome,
    ) -> Result<RecordOutcomeResponse, Status> {
        let request = RecordOutcomeRequest {
            order_id: order.to_string(),
            provider_id: provider.into(),
            outcome: outcome.into(),
        };
        Ok(self.client().record_outcome(request).await?.into_inner())
    }

    async fn trust(&self, provider: &str) -> Trust {
        let request = GetTrustRequest { provider_ids: vec![provider.into()] };
        self.client().get_trust(request).await.unwrap().into_inner().trust.remove(0)
    }

    async fn set(&self, trust: &Trust, unless_counted: bool) -> Trust {
        let request = SetTrustRequest { trust: Some(trust.clone()), unless_counted };
        self.client().set_trust(request).await.unwrap().into_inner().trust.unwrap()
    }
}

fn alpha() -> Trust {
    Trust { provider_id: "alpha".into(), score: 0.85, total_orders: 20, successful_orders: 17 }
}

#[track_caller]
fn assert_is(trust: &Trust, score: f64, total_orders: i64, successful_orders: i64) {
    assert!((trust.score - score).abs() < 1e-6, "{trust:?}");
    assert_eq!((trust.total_orders, trust.successful_orders), (total_orders, successful_orders));
}

#[tokio::test]
async fn an_order_counts_once_whatever_is_said_of_it_later() {
    let server = Server::start().await;
    server.set(&alpha(), false).await;
    let order = Uuid::new_v4();
    let first = server.record(order, "alpha", Outcome::Success).await.unwrap();
    assert!(first.counted);
    // (0.85 x 20 + 1) / 21
    assert_is(first.trust.as_ref().unwrap(), 0.857_142, 21, 18);
    for outcome in [Outcome::Success, Outcome::Failure] {
        let again = server.record(order, "alpha", outcome).await.unwrap();
        assert_eq!(again, RecordOutcomeResponse { counted: false, ..first.clone() });
    }
    let elsewhere = server.record(order, "beta", Outcome::Failure).await.unwrap();
    assert!(!elsewhere.counted);
    assert_is(elsewhere.trust.as_ref().unwrap(), 0.5, 0, 0);
    assert_eq!(server.trust("alpha").await, first.trust.unwrap());
}

#[tokio::test]
async fn a_failure_costs_trust() {
    let server = Server::start().await;
    server.set(&alpha(), false).await;
    let told = server.record(Uuid::new_v4(), "alpha", Outcome::Failure).await.unwrap();
    // (0.85 x 20 + 0) / 21
    assert_is(told.trust.as_ref().unwrap(), 0.809_523, 21, 17);
}

#[tokio::test]
async fn a_provider_never_heard_of_starts_from_half() {
    let server = Server::start().await;
    let told = server.record(Uuid::new_v4(), "new", Outcome::Success).await.unwrap();
    // (0.5 x 5 + 1) / 6
    assert_is(told.trust.as_ref().unwrap(), 0.583_333, 1, 1);
    assert_eq!(server.trust("new").await, told.trust.unwrap());
}

#[tokio::test]
async fn a_hundred_calls_at_once_over_ten_orders_count_ten() {
    let server = Server::start().await;
    let orders: Vec<_> = (0..10).map(|_| Uuid::new_v4()).collect();
    let calls = (0..100).map(|n| server.record(orders[n % 10], "p", Outcome::Success));
    let answers = futures::future::try_join_all(calls).await.unwrap();
    assert_eq!(answers.iter().filter(|answer| answer.counted).count(), 10);
    // 0.5 over 0; the first six orders divide by 6, 6, 6, 6, 6, 6 and the next by 7, 8, 9, 10.
    let mut score = 0.5;
    for n in [5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 6.0, 7.0, 8.0, 9.0] {
        score = (score * n + 1.0) / (n + 1.0);
    }
    assert_is(&server.trust("p").await, score, 10, 10);
}

#[tokio::test]
async fn trust_that_was_counted_is_set_only_by_force() {
    let server = Server::start().await;
    assert_eq!(server.set(&alpha(), true).await, alpha(), "nothing of alpha was counted yet");
    let lower = Trust { score: 0.1, ..alpha() };
    assert_eq!(server.set(&lower, true).await, lower);
    let counted = server.record(Uuid::new_v4(), "alpha", Outcome::Success).await.unwrap().trust.unwrap();
    assert_eq!(server.set(&alpha(), true).await, counted);
    assert_eq!(server.trust("alpha").await, counted);
    assert_eq!(server.set(&alpha(), false).await, alpha());
    assert_eq!(server.trust("alpha").await, alpha());
}

#[tokio::test]
async fn setting_and_counting_at_once_lose_no_order() {
    let server = Server::start().await;
    for n in 0..20 {
        let provider = format!("p{n}");
        let trust = Trust { provider_id: provider.clone(), ..alpha() };
        let (set, told) = tokio::join!(
            server.set(&trust, true),
            server.record(Uuid::new_v4(), &provider, Outcome::Success)
        );
        let now = server.trust(&provider).await;
        assert_eq!(now, told.unwrap().trust.unwrap());
        if set == trust {
            assert_is(&now, 0.857_142, 21, 18);
        } else {
            assert_is(&now, 0.583_333, 1, 1);
        }
    }
}

#[tokio::test]
async fn what_is_no_outcome_is_refused_with_a_sentence() {
    let server = Server::start().await;
    let good = RecordOutcomeRequest {
        order_id: Uuid::nil().to_string(),
        provider_id: "p".into(),
        outcome: Outcome::Success.into(),
    };
    for (bad, sentence) in [
        (RecordOutcomeRequest { outcome: 0, ..good.clone() }, "outcome is missing"),
        (RecordOutcomeRequest { outcome: 7, ..good.clone() }, "outcome is missing"),
        (
            RecordOutcomeRequest { provider_id: String::new(), ..good.clone() },
            "provider_id must be 1 to 255 printable ASCII characters without spaces around them",
        ),
        (
            RecordOutcomeRequest { order_id: "o-1".into(), ..good },
            "order_id must be 1 to 255 printable ASCII characters without spaces around them",
        ),
    ] {
        let status = server.client().record_outcome(bad).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::InvalidArgument, sentence));
    }
}

#[tokio::test]
async fn an_outcome_is_read_by_its_order() {
    let server = Server::start().await;
    let order = Uuid::new_v4().to_string();
    let request = GetOutcomeRequest { order_id: order.clone() };
    let status = server.client().get_outcome(request.clone()).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(p2p_proto::reason(&status).as_deref(), Some("OUTCOME_NOT_FOUND"));
    assert_eq!(p2p_proto::metadata(&status, "order_id"), Some(order.clone()));
    let told = server.record(order.parse().unwrap(), "p", Outcome::Failure).await.unwrap();
    let read = server.client().get_outcome(request).await.unwrap().into_inner();
    assert_eq!((read.provider_id.as_str(), read.outcome()), ("p", Outcome::Failure));
    assert_eq!((read.trust, read.counted_at.is_some()), (told.trust, true));
}

#[tokio::test]
async fn the_outcome_is_kept_with_its_order_and_provider() {
    let server = Server::start().await;
    let order = Uuid::new_v4();
    server.record(order, "p", Outcome::Failure).await.unwrap();
    let db = Database::connect(&server.database).await.unwrap();
    let kept = "SELECT order_id, provider_id, outcome FROM matching.order_outcomes";
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, kept)).await.unwrap().unwrap();
    let text = |n| row.try_get_by_index::<String>(n).unwrap();
    assert_eq!([text(0), text(1), text(2)], [order.to_string(), "p".into(), "FAILURE".into()]);
}
