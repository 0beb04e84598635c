use p2p_domain::{Energy, Money, ProviderId, TimeWindow, Trust};
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::domain::{RequestError, Share, Weights};

fn usd(text: &str) -> Money {
    Money::new(text.parse().unwrap(), "USD".parse().unwrap()).unwrap()
}

fn kwh(kwh: i64) -> Energy {
    Energy::from_wh(kwh * 1_000).unwrap()
}

fn hours(start: u32, end: u32) -> TimeWindow {
    let at = |hour| format!("2026-01-18T{hour:02}:00:00Z").parse().unwrap();
    TimeWindow::new(at(start), at(end)).unwrap()
}

fn offer(id: &str, provider: &str, price: &str, available: i64, window: TimeWindow) -> Candidate {
    Candidate {
        offer_id: OfferId::parse(id).unwrap(),
        provider_id: ProviderId::parse(provider).unwrap(),
        price: usd(price),
        available: kwh(available),
        window,
    }
}

fn trust(scores: &[(&str, f64)]) -> KnownTrust {
    let known =
        |(id, score): &(&str, f64)| (ProviderId::parse(id).unwrap(), Trust::new(*score, 20, 10).unwrap());
    scores.iter().map(known).collect()
}

/// 30 kWh from 11:00 to 15:00.
fn wanted(max_price: Option<Money>, candidates: Vec<Candidate>) -> Request {
    Request::new(kwh(30), hours(11, 15), max_price, candidates).unwrap()
}

fn ids(ranked: &[Ranked]) -> Vec<&str> {
    ranked.iter().map(|r| r.offer_id.as_str()).collect()
}

fn parts(ranked: &Ranked) -> [f64; 4] {
    let Scores { total, price, trust, time_fit } = ranked.scores;
    [total, price, trust, time_fit].map(|score| score.value())
}

#[test]
fn the_seeds_example_prefers_beta_with_0_7975_to_alpha_with_0_485() {
    // Price: alpha is the dearest, (0.10 - 0.10) / (0.10 - 0.08) = 0; beta the cheapest, 0.02 / 0.02 = 1.
    // Time fit: of 11-15 alpha's 10-14 covers 11-14, beta's 12-18 covers 12-15: 3 of 4 hours, 0.75 each.
    // Alpha: 0.40 x 0 + 0.35 x 0.85 + 0.25 x 0.75 = 0.2975 + 0.1875        = 0.485.
    // Beta:  0.40 x 1 + 0.35 x 0.60 + 0.25 x 0.75 = 0.40 + 0.21 + 0.1875   = 0.7975.
    let request = wanted(
        None,
        vec![
            offer("offer-alpha-morning", "alpha", "0.10", 50, hours(10, 14)),
            offer("offer-beta-afternoon", "beta", "0.08", 100, hours(12, 18)),
        ],
    );
    let ranked = rank(&Policy::default(), &request, &trust(&[("alpha", 0.85), ("beta", 0.60)]));
    assert_eq!(ids(&ranked), ["offer-beta-afternoon", "offer-alpha-morning"]);
    assert_eq!(parts(&ranked[0]), [0.7975, 1.0, 0.60, 0.75]);
    assert_eq!(parts(&ranked[1]), [0.485, 0.0, 0.85, 0.75]);
}

#[test]
fn a_provider_never_heard_of_has_half_trust() {
    // 0.40 x 1 + 0.35 x 0.5 + 0.25 x 1 = 0.825.
    let request = wanted(None, vec![offer("o", "new", "0.10", 30, hours(11, 15))]);
    let ranked = rank(&Policy::default(), &request, &KnownTrust::default());
    assert_eq!(parts(&ranked[0]), [0.825, 1.0, 0.5, 1.0]);
}

#[test]
fn no_candidates_rank_as_none() {
    assert_eq!(rank(&Policy::default(), &wanted(None, vec![]), &KnownTrust::default()), vec![]);
}

#[test]
fn each_hard_filter_drops_what_it_must_and_nothing_at_its_edge() {
    let request = wanted(
        Some(usd("0.20")),
        vec![
            offer("enough", "good", "0.20", 30, hours(14, 18)),
            offer("too-little", "good", "0.10", 29, hours(11, 15)),
            offer("too-dear", "good", "0.200000001", 30, hours(11, 15)),
            offer("too-late", "good", "0.10", 30, hours(15, 18)),
            offer("too-early", "good", "0.10", 30, hours(8, 11)),
            offer("barely-trusted", "edge", "0.10", 30, hours(11, 15)),
            offer("not-trusted", "bad", "0.10", 30, hours(11, 15)),
        ],
    );
    let known = trust(&[("good", 0.9), ("edge", 0.2), ("bad", 0.199_999)]);
    let ranked = rank(&Policy::default(), &request, &known);
    assert_eq!(ids(&ranked), ["barely-trusted", "enough"]);
}

#[test]
fn offers_that_cannot_serve_do_not_move_the_price_score() {
    let request = wanted(
        None,
        vec![
            offer("a", "p", "0.10", 30, hours(11, 15)),
            offer("b", "p", "0.20", 30, hours(11, 15)),
            offer("sold-out-and-cheap", "p", "0.01", 0, hours(11, 15)),
            offer("sold-out-and-dear", "p", "9", 0, hours(11, 15)),
        ],
    );
    let ranked = rank(&Policy::default(), &request, &KnownTrust::default());
    assert_eq!(ranked.iter().map(|r| r.scores.price.value()).collect::<Vec<_>>(), [1.0, 0.0]);
}

#[test]
fn when_all_cost_the_same_the_price_score_is_one() {
    let same = |id| offer(id, "p", "0.10", 30, hours(11, 15));
    let ranked = rank(&Policy::default(), &wanted(None, vec![same("b"), same("a")]), &KnownTrust::default());
    assert_eq!(ids(&ranked), ["a", "b"], "and the offer id decides");
    assert!(ranked.iter().all(|r| r.scores.price.value() == 1.0));
}

#[test]
fn equal_scores_go_by_lower_price_then_by_higher_trust() {
    let only = |price: &str, trust: &str, time: &str| {
        let [price, trust, time] = [price, trust, time].map(|text| text.parse::<Share>().unwrap());
        Policy { weights: Weights::new(price, trust, time).unwrap(), ..Policy::default() }
    };
    let request = wanted(
        None,
        vec![
            offer("a", "doubtful", "0.30", 30, hours(11, 15)),
            offer("b", "doubtful", "0.10", 30, hours(11, 15)),
            offer("c", "trusted", "0.10", 30, hours(11, 15)),
        ],
    );
    let known = trust(&[("doubtful", 0.3), ("trusted", 0.9)]);
    // All fit the window entirely, so by time alone all score 1.
    assert_eq!(ids(&rank(&only("0", "0", "1"), &request, &known)), ["c", "b", "a"]);
}

#[test]
fn a_request_must_want_something_of_comparable_price_among_few_enough() {
    let one = offer("o", "p", "0.10", 30, hours(11, 15));
    let new = |quantity, max, candidates| Request::new(quantity, hours(11, 15), max, candidates).unwrap_err();
    let inr = Money::new(Decimal::ONE, "INR".parse().unwrap()).unwrap();
    assert_eq!(new(Energy::ZERO, None, vec![]), RequestError::NothingWanted);
    assert_eq!(new(kwh(1), None, vec![one.clone(); 10_001]), RequestError::TooManyCandidates(10_001));
    assert!(matches!(new(kwh(1), Some(inr), vec![one.clone()]), RequestError::MixedCurrencies(..)));
    let other = Candidate { price: inr, ..one.clone() };
    assert!(matches!(new(kwh(1), None, vec![one, other]), RequestError::MixedCurrencies(..)));
}

prop_compose! {
    fn any_window()(start in 0..22_u32, length in 1..10_u32) -> TimeWindow {
        hours(start, (start + length).min(23))
    }
}

prop_compose! {
    fn any_offer()(
        id in 0..1_000_000_u32,
        provider in 0..5_u32,
        thousandths in 0..20_i64,
        available in 0..60_i64,
        window in any_window(),
    ) -> Candidate {
        let price = Money::new(Decimal::new(thousandths, 3), "USD".parse().unwrap()).unwrap();
        Candidate { price, ..offer(&format!("offer-{id}"), &format!("p{provider}"), "0", available, window) }
    }
}

/// All of a request but its offers.
type Want = (Energy, TimeWindow, Option<Money>);

fn request((quantity, window, max): Want, offers: Vec<Candidate>) -> Request {
    Request::new(quantity, window, max, offers).unwrap()
}

prop_compose! {
    fn any_want()(
        quantity in 1..50_i64,
        window in any_window(),
        max in proptest::option::of(0..20_i64),
    ) -> Want {
        (kwh(quantity), window, max.map(|m| Money::new(Decimal::new(m, 3), "USD".parse().unwrap()).unwrap()))
    }
}

prop_compose! {
    fn any_offers()(mut offers in proptest::collection::vec(any_offer(), 0..40)) -> Vec<Candidate> {
        offers.sort_by(|a, b| a.offer_id.cmp(&b.offer_id));
        offers.dedup_by(|a, b| a.offer_id == b.offer_id);
        offers
    }
}

prop_compose! {
    fn any_request()(want in any_want(), offers in any_offers()) -> Request {
        request(want, offers)
    }
}

prop_compose! {
    fn any_trust()(scores in proptest::collection::vec(0.0..=1.0_f64, 5)) -> KnownTrust {
        let known = |(n, score)| (format!("p{n}").parse().unwrap(), Trust::new(score, 9, 4).unwrap());
        scores.into_iter().enumerate().map(known).collect()
    }
}

/// Whether the offer has enough, at a good price, at some time that is wanted.
fn admits(request: &Request, offer: &Candidate) -> bool {
    let overlaps = !request.window().overlap(offer.window).is_zero();
    let enough = offer.available >= request.quantity();
    let affordable = request.max_price().is_none_or(|max| offer.price.amount() <= max.amount());
    overlaps && enough && affordable
}

proptest! {
    #[test]
    fn scores_stay_between_zero_and_one_and_fall(request in any_request(), known in any_trust()) {
        let ranked = rank(&Policy::default(), &request, &known);
        for r in &ranked {
            prop_assert!(parts(r).iter().all(|part| (0.0..=1.0).contains(part)), "{r:?}");
        }
        prop_assert!(ranked.is_sorted_by(|a, b| a.scores.total >= b.scores.total));
        if let Some(cheapest) = ranked.iter().map(|r| r.scores.price).max() {
            prop_assert_eq!(cheapest.value(), 1.0);
        }
    }

    #[test]
    fn exactly_the_offers_that_pass_the_filters_are_ranked(request in any_request(), known in any_trust()) {
        let policy = Policy::default();
        let ranked = rank(&policy, &request, &known);
        for offer in request.candidates() {
            let trusted = known.of(&offer.provider_id).score() >= 0.2;
            let listed = ranked.iter().any(|r| r.offer_id == offer.offer_id);
            prop_assert_eq!(listed, trusted && admits(&request, offer), "{:?}", offer);
        }
        prop_assert!(ranked.len() <= request.candidates().len());
    }

    #[test]
    fn the_order_of_the_candidates_does_not_matter(
        want in any_want(),
        (offers, shuffled) in any_offers().prop_flat_map(|offers| (Just(offers.clone()), Just(offers).prop_shuffle())),
        known in any_trust(),
    ) {
        let policy = Policy::default();
        let ranked = rank(&policy, &request(want, offers), &known);
        prop_assert_eq!(ranked, rank(&policy, &request(want, shuffled), &known));
    }
}

#[test]
fn prices_of_any_size_and_fineness_are_compared() {
    let request = wanted(
        Some(usd("1000000000000000")),
        vec![
            offer("dearest", "p", "1000000000000000", 30, hours(11, 15)),
            offer("finest", "p", "0.000000001", 30, hours(11, 15)),
            offer("fine", "p", "0.000000002", 30, hours(11, 15)),
        ],
    );
    let ranked = rank(&Policy::default(), &request, &KnownTrust::default());
    assert_eq!(ids(&ranked), ["finest", "fine", "dearest"]);
    assert_eq!(ranked[2].scores.price.value(), 0.0);
    let request = wanted(
        Some(usd("5000000000")),
        vec![
            offer("fine", "p", "0.000000001", 30, hours(11, 15)),
            offer("dear", "p", "6000000000.000000001", 30, hours(11, 15)),
        ],
    );
    assert_eq!(ids(&rank(&Policy::default(), &request, &KnownTrust::default())), ["fine"]);
}

#[test]
fn the_longest_windows_there_are_rank() {
    let ever = TimeWindow::new(DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC).unwrap();
    let offers = vec![offer("always", "p", "0.10", 30, ever), offer("once", "p", "0.20", 30, hours(11, 15))];
    let request = Request::new(kwh(30), ever, None, offers).unwrap();
    let ranked = rank(&Policy::default(), &request, &KnownTrust::default());
    assert_eq!(ids(&ranked), ["always", "once"]);
    assert_eq!(ranked[0].scores.time_fit.value(), 1.0);
}
