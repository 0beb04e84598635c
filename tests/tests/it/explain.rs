//! What operators read of a trade: why its offer was matched, and what became of its order.

use p2p_proto::{
    matching::{ExplainMatchRequest, GetOutcomeRequest, MatchDecision, MatchedOffer, Outcome, Trade},
    order::{Direction, GetOrderHistoryRequest, GetOrderHistoryResponse, OrderOutcome, OrderState},
};
use serde_json::json;

use crate::{
    client::{ALPHA, BETA, order_id, until},
    system::System,
};

const BAP: &str = "bap.p2p-trading.local";

async fn explained(system: &System, transaction: &str) -> MatchDecision {
    let trade = Trade { bap_id: BAP.into(), transaction_id: transaction.into() };
    let request = ExplainMatchRequest { trade: Some(trade) };
    until("the explanation", async || {
        let explained = system.matching().await.explain_match(request.clone()).await;
        Ok(explained.map_err(|status| status.to_string())?.into_inner().decision.unwrap())
    })
    .await
}

async fn history(system: &System, order: &str) -> GetOrderHistoryResponse {
    let request = GetOrderHistoryRequest { order_id: order.into() };
    system.orders().await.get_order_history(request).await.unwrap().into_inner()
}

fn id_and_score(matched: &MatchedOffer) -> (&str, f64) {
    (matched.offer.as_ref().unwrap().offer_id.as_str(), matched.score)
}

#[tokio::test]
async fn a_match_is_explained_by_the_seeds_scores_and_its_order_is_followed_to_its_outcome() {
    let system = System::start().await;
    let trade = system.discover().await;
    // on_discover ranked as well: nothing was chosen by it.
    trade.match_best(30).await.acknowledged();
    trade.status("INITIALIZING").await;
    let decision = explained(&system, &trade.id).await;
    assert_eq!(decision.chosen.as_ref().map(id_and_score), Some((BETA, 0.7975)));
    assert_eq!(decision.runners_up.iter().map(id_and_score).collect::<Vec<_>>(), [(ALPHA, 0.485)]);
    assert_eq!((decision.candidates, decision.eligible, decision.quantity_wh), (2, 2, 30_000));
    assert_eq!(system.tables.number("SELECT count(*) FROM matching.match_decisions").await, 1);

    trade.ask("init", json!({})).await.acknowledged();
    let order = order_id(&trade.status("CONFIRMING").await);
    trade.bought().await;
    let active = history(&system, &order).await;
    assert_eq!((active.state(), active.outcome()), (OrderState::Active, OrderOutcome::Unspecified));
    let of_trade = active.order.as_ref().unwrap();
    assert_eq!((of_trade.bap_id.as_str(), of_trade.transaction_id.as_str()), (BAP, trade.id.as_str()));

    system.post_text(&format!("/seller/orders/{order}/complete"), "").await;
    trade.status("COMPLETED").await;
    system.tables.quiet().await;
    let completed = history(&system, &order).await;
    assert_eq!((completed.state(), completed.outcome()), (OrderState::Completed, OrderOutcome::Success));
    assert!(completed.outcome_told_at.is_some());
    // Each message of the trade went out and came in, but the on_status was said unasked, by the seller alone.
    let asked =
        ["discover", "on_discover", "select", "on_select", "init", "on_init", "confirm", "on_confirm"];
    for action in asked.into_iter().chain(["on_status"]) {
        for way in [Direction::Outbound, Direction::Inbound] {
            let told = |m: &&p2p_proto::order::OrderMessage| m.action == action && m.direction() == way;
            assert_eq!(completed.messages.iter().filter(told).count(), 1, "{action} {way:?}");
        }
    }
    assert_eq!(completed.messages.len(), 2 * (asked.len() + 1));
    assert!(completed.messages.is_sorted_by_key(|message| message.seq));

    let request = GetOutcomeRequest { order_id: order };
    let outcome = system.matching().await.get_outcome(request).await.unwrap().into_inner();
    assert_eq!(
        (outcome.provider_id.as_str(), outcome.outcome()),
        (crate::client::BETA_PROVIDER, Outcome::Success)
    );
}

#[tokio::test]
async fn an_offer_chosen_by_hand_has_no_explanation() {
    let system = System::start().await;
    let trade = system.discover().await;
    trade.select(ALPHA, 10).await.acknowledged();
    trade.status("INITIALIZING").await;
    let other = system.discover().await;
    other.match_best(30).await.acknowledged();
    explained(&system, &other.id).await;
    let of_hand = Trade { bap_id: BAP.into(), transaction_id: trade.id.clone() };
    let request = ExplainMatchRequest { trade: Some(of_hand) };
    let status = system.matching().await.explain_match(request).await.unwrap_err();
    assert_eq!(p2p_proto::reason(&status).as_deref(), Some("MATCH_NOT_FOUND"));
}
