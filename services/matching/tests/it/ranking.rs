//! RankOffers.

use p2p_domain::TimeWindow;
use p2p_proto::{
    common::Money,
    matching::{Candidate, RankOffersRequest, RankedOffer, SetTrustRequest, Trust},
    reason,
};
use tonic::Code;

use crate::server::Server;

pub fn hours(start: u32, end: u32) -> p2p_proto::common::TimeWindow {
    let at = |hour| format!("2026-01-18T{hour:02}:00:00Z").parse().unwrap();
    TimeWindow::new(at(start), at(end)).unwrap().into()
}

pub fn cents(cents: i32) -> Money {
    Money { currency_code: "USD".into(), units: 0, nanos: cents * 10_000_000 }
}

pub fn offer(id: &str, provider: &str, price: Money, kwh: i64, window: (u32, u32)) -> Candidate {
    Candidate {
        offer_id: id.into(),
        provider_id: provider.into(),
        price_per_kwh: Some(price),
        available_wh: kwh * 1_000,
        window: Some(hours(window.0, window.1)),
    }
}

/// 30 kWh from 11:00 to 15:00.
pub fn wanted(candidates: Vec<Candidate>) -> RankOffersRequest {
    RankOffersRequest {
        quantity_wh: 30_000,
        window: Some(hours(11, 15)),
        max_price_per_kwh: None,
        candidates,
        decides: None,
    }
}

/// Sets the trust in the seed's providers.
pub async fn seeds_trust(server: &Server) -> [Trust; 2] {
    let alpha = Trust { provider_id: "alpha".into(), score: 0.85, total_orders: 20, successful_orders: 17 };
    let beta = Trust { provider_id: "beta".into(), score: 0.60, total_orders: 5, successful_orders: 3 };
    for trust in [&alpha, &beta] {
        let request = SetTrustRequest { trust: Some(trust.clone()), unless_counted: false };
        server.client().set_trust(request).await.unwrap();
    }
    [alpha, beta]
}

/// The seed's two offers, and one that cannot serve.
pub fn seeds_example() -> RankOffersRequest {
    wanted(vec![
        offer("offer-beta-afternoon", "beta", cents(8), 100, (12, 18)),
        offer("offer-alpha-morning", "alpha", cents(10), 50, (10, 14)),
        offer("offer-too-small", "stranger", cents(1), 29, (11, 15)),
    ])
}

#[tokio::test]
async fn the_seeds_example_goes_by_stored_trust_to_beta() {
    let server = Server::start().await;
    let [alpha, beta] = seeds_trust(&server).await;
    let answer = server.client().rank_offers(seeds_example()).await.unwrap().into_inner();
    let best = RankedOffer {
        offer_id: "offer-beta-afternoon".into(),
        score: 0.7975,
        price_score: 1.0,
        trust_score: 0.60,
        time_fit_score: 0.75,
    };
    let second = RankedOffer {
        offer_id: "offer-alpha-morning".into(),
        score: 0.485,
        price_score: 0.0,
        trust_score: 0.85,
        time_fit_score: 0.75,
    };
    assert_eq!(answer.ranked, [best, second]);
    let stranger =
        Trust { provider_id: "stranger".into(), score: 0.5, total_orders: 0, successful_orders: 0 };
    assert_eq!(answer.trust, [alpha, beta, stranger], "eligible or not, by provider id");
}

#[tokio::test]
async fn no_candidates_answer_empty() {
    let server = Server::start().await;
    let answer = server.client().rank_offers(wanted(vec![])).await.unwrap().into_inner();
    assert_eq!((answer.ranked, answer.trust), (vec![], vec![]));
}

#[tokio::test]
async fn ten_thousand_candidates_are_ranked_and_one_more_is_refused() {
    let server = Server::start().await;
    let one = |n: usize| offer(&format!("{n:0>255}"), &format!("p{}", n % 100), cents(10), 50, (11, 15));
    let mut candidates: Vec<_> = (0..10_000).map(one).collect();
    let answer = server.client().rank_offers(wanted(candidates.clone())).await.unwrap().into_inner();
    assert_eq!((answer.ranked.len(), answer.trust.len()), (10_000, 100));
    candidates.push(one(10_000));
    let status = server.client().rank_offers(wanted(candidates)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(reason(&status).as_deref(), Some("TOO_MANY"));
    assert_eq!(status.message(), "at most 10000 offers can be ranked at once, but there are 10001");
}

#[tokio::test]
async fn what_cannot_be_ranked_is_refused_with_a_reason_and_a_sentence() {
    let server = Server::start().await;
    let good = offer("o", "p", cents(10), 50, (11, 15));
    let inr = Money { currency_code: "INR".into(), ..cents(10) };
    let cases = [
        (
            RankOffersRequest { quantity_wh: 0, ..wanted(vec![]) },
            "NOTHING_WANTED",
            "the quantity wanted must be above 0",
        ),
        (
            RankOffersRequest { quantity_wh: -1, ..wanted(vec![]) },
            "INVALID_MESSAGE",
            "energy must not be negative",
        ),
        (RankOffersRequest { window: None, ..wanted(vec![]) }, "INVALID_MESSAGE", "window is missing"),
        (
            wanted(vec![good.clone(), Candidate { price_per_kwh: Some(inr.clone()), ..good.clone() }]),
            "MIXED_CURRENCIES",
            "all prices must be in one currency, but there are USD and INR",
        ),
        (
            RankOffersRequest { max_price_per_kwh: Some(inr), ..wanted(vec![good.clone()]) },
            "MIXED_CURRENCIES",
            "all prices must be in one currency, but there are INR and USD",
        ),
        (
            wanted(vec![Candidate { window: Some(hours_reversed()), ..good }]),
            "INVALID_MESSAGE",
            "a time window must end after it starts",
        ),
    ];
    for (request, expected, sentence) in cases {
        let status = server.client().rank_offers(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{sentence}");
        assert_eq!(reason(&status).as_deref(), Some(expected));
        assert_eq!(status.message(), sentence);
    }
}

fn hours_reversed() -> p2p_proto::common::TimeWindow {
    let window = hours(11, 15);
    p2p_proto::common::TimeWindow { start: window.end, end: window.start }
}
