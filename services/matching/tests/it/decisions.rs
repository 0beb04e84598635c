//! ExplainMatch, and how RankOffers notes what it explains.

use std::time::Duration;

use p2p_proto::{
    matching::{ExplainMatchRequest, MatchDecision, MatchedOffer, RankOffersRequest, Trade},
    reason,
};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement, TransactionTrait};
use tokio::time::{Instant, sleep, timeout};
use tonic::{Code, Status};

use crate::{
    ranking::{cents, offer, seeds_example, seeds_trust, wanted},
    server::Server,
};

const PATIENCE: Duration = Duration::from_secs(20);

fn trade(transaction: &str) -> Trade {
    Trade { bap_id: "bap".into(), transaction_id: transaction.into() }
}

fn decides(transaction: &str, request: RankOffersRequest) -> RankOffersRequest {
    RankOffersRequest { decides: Some(trade(transaction)), ..request }
}

impl Server {
    async fn explain(&self, trade: Trade) -> Result<MatchDecision, Status> {
        let request = ExplainMatchRequest { trade: Some(trade) };
        Ok(self.client().explain_match(request).await?.into_inner().decision.unwrap())
    }

    /// Asks until the newest decision is this one.
    async fn explained(&self, transaction: &str, holds: impl Fn(&MatchDecision) -> bool) -> MatchDecision {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let explained = self.explain(trade(transaction)).await;
            match explained {
                Ok(decision) if holds(&decision) => return decision,
                seen => assert!(Instant::now() < deadline, "{seen:?}"),
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn rank(&self, request: RankOffersRequest) {
        self.client().rank_offers(request).await.unwrap();
    }

    async fn db(&self) -> DatabaseConnection {
        Database::connect(&self.database).await.unwrap()
    }
}

fn ids(decision: &MatchDecision) -> Vec<&str> {
    let offers = decision.chosen.iter().chain(&decision.runners_up);
    offers.map(|matched| matched.offer.as_ref().unwrap().offer_id.as_str()).collect()
}

async fn decisions(db: &DatabaseConnection) -> i64 {
    let count = "SELECT count(*) FROM matching.match_decisions";
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, count)).await.unwrap();
    row.unwrap().try_get_by_index(0).unwrap()
}

#[tokio::test]
async fn the_seeds_example_is_explained_as_it_was_decided() {
    let server = Server::start().await;
    seeds_trust(&server).await;
    let request = seeds_example();
    server.rank(decides("t", request.clone())).await;
    let decision = server.explained("t", |_| true).await;
    let [beta, alpha, _too_small] = request.candidates.try_into().unwrap();
    let beta = MatchedOffer {
        offer: Some(beta),
        score: 0.7975,
        price_score: 1.0,
        trust_score: 0.60,
        time_fit_score: 0.75,
        sum: "0.4 x 1 price + 0.35 x 0.6 trust + 0.25 x 0.75 time = 0.7975".into(),
    };
    let alpha = MatchedOffer {
        offer: Some(alpha),
        score: 0.485,
        price_score: 0.0,
        trust_score: 0.85,
        time_fit_score: 0.75,
        sum: "0.4 x 0 price + 0.35 x 0.85 trust + 0.25 x 0.75 time = 0.485".into(),
    };
    assert_eq!((decision.chosen, decision.runners_up), (Some(beta), vec![alpha]));
    assert_eq!((decision.candidates, decision.eligible), (3, 2));
    assert_eq!((decision.quantity_wh, decision.window), (30_000, request.window));
    assert_eq!((decision.trade, decision.max_price_per_kwh), (Some(trade("t")), None));
    let policy = decision.policy.unwrap();
    let numbers = [policy.price_weight, policy.trust_weight, policy.time_fit_weight, policy.min_trust];
    assert_eq!(numbers, [0.40, 0.35, 0.25, 0.2]);
}

#[tokio::test]
async fn a_mere_look_decides_nothing_and_another_trade_is_not_found() {
    let server = Server::start().await;
    server.rank(seeds_example()).await;
    server.rank(decides("t", seeds_example())).await;
    server.explained("t", |_| true).await;
    assert_eq!(decisions(&server.db().await).await, 1);
    for other in [trade("other"), Trade { bap_id: "other".into(), ..trade("t") }] {
        let status = server.explain(other.clone()).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!(reason(&status).as_deref(), Some("MATCH_NOT_FOUND"));
        assert_eq!(p2p_proto::metadata(&status, "transaction_id"), Some(other.transaction_id));
    }
    let status = server.explain(Trade::default()).await.unwrap_err();
    assert_eq!(reason(&status).as_deref(), Some("INVALID_MESSAGE"));
}

#[tokio::test]
async fn the_newest_of_a_trade_is_explained_with_the_limit_it_had() {
    let server = Server::start().await;
    server.rank(decides("t", seeds_example())).await;
    server.explained("t", |_| true).await;
    let limited = RankOffersRequest { max_price_per_kwh: Some(cents(9)), ..seeds_example() };
    server.rank(decides("t", limited)).await;
    let newest = server.explained("t", |decision| decision.max_price_per_kwh == Some(cents(9))).await;
    assert_eq!(ids(&newest), ["offer-beta-afternoon"]);
    assert_eq!(decisions(&server.db().await).await, 2);
}

#[tokio::test]
async fn of_many_offers_the_best_ten_are_kept() {
    let server = Server::start().await;
    let offers = (0..100)
        .map(|n| offer(&format!("o-{n:02}"), "p", cents(n % 60 + 1), if n < 60 { 30 } else { 29 }, (11, 15)));
    server.rank(decides("t", wanted(offers.collect()))).await;
    let decision = server.explained("t", |_| true).await;
    assert_eq!((decision.candidates, decision.eligible), (100, 60));
    assert_eq!(
        ids(&decision),
        ["o-00", "o-01", "o-02", "o-03", "o-04", "o-05", "o-06", "o-07", "o-08", "o-09"]
    );
}

#[tokio::test]
async fn when_no_offer_can_serve_that_is_explained_as_well() {
    let server = Server::start().await;
    server.rank(decides("t", wanted(vec![offer("o", "p", cents(10), 29, (11, 15))]))).await;
    let decision = server.explained("t", |_| true).await;
    assert_eq!((decision.candidates, decision.eligible, decision.chosen), (1, 0, None));
}

#[tokio::test]
async fn no_answer_waits_for_the_table_and_what_was_decided_meanwhile_is_noted_later() {
    let server = Server::start().await;
    let db = server.db().await;
    let lock = db.begin().await.unwrap();
    lock.execute_unprepared("LOCK TABLE matching.match_decisions").await.unwrap();
    for n in 0..50 {
        let request = decides(&format!("t-{n}"), seeds_example());
        timeout(PATIENCE, server.rank(request)).await.unwrap();
    }
    lock.commit().await.unwrap();
    for n in 0..50 {
        server.explained(&format!("t-{n}"), |_| true).await;
    }
}

#[tokio::test]
async fn a_service_that_stops_notes_what_waits() {
    let server = Server::start().await;
    server.rank(decides("t", seeds_example())).await;
    let database = server.database.clone();
    server.stop().await;
    let next = Server::start_on(database).await;
    assert_eq!(next.explain(trade("t")).await.unwrap().eligible, 2);
}

#[tokio::test]
async fn while_the_database_is_away_decisions_wait_or_are_dropped_and_every_answer_comes() {
    // Port 9 (discard) has no PostgreSQL. Without offers there is no trust to read.
    let server = Server::start_on("postgresql://nobody@127.0.0.1:9/nothing".into()).await;
    let mut client = server.client();
    for n in 0..3_000 {
        let request = decides(&format!("t-{n}"), wanted(vec![]));
        timeout(PATIENCE, client.rank_offers(request)).await.unwrap().unwrap();
    }
    timeout(PATIENCE, server.stop()).await.unwrap();
}

#[tokio::test]
async fn what_is_older_than_thirty_days_is_forgotten() {
    let server = Server::start().await;
    server.rank(decides("old", seeds_example())).await;
    server.explained("old", |_| true).await;
    let db = server.db().await;
    let (database, count) = (server.database.clone(), 2_500);
    server.stop().await;
    for (transaction, age) in [("older", 31), ("young", 29)] {
        let age_them = format!(
            "INSERT INTO matching.match_decisions
             SELECT bap_id, '{transaction}-' || n, decided_at - interval '{age} days', quantity_wh, window_start,
                    window_end, max_price, currency, weight_price, weight_trust, weight_time, min_trust, candidates,
                    eligible, ranked_json
             FROM matching.match_decisions, generate_series(1, {count}) n WHERE transaction_id = 'old'"
        );
        db.execute_unprepared(&age_them).await.unwrap();
    }
    let server = Server::start_on(database).await;
    let deadline = Instant::now() + PATIENCE;
    while decisions(&db).await > 1 + count {
        assert!(Instant::now() < deadline);
        sleep(Duration::from_millis(10)).await;
    }
    assert!(server.explain(trade("young-1")).await.is_ok());
    assert!(server.explain(trade("older-1")).await.is_err());
}
