//! The history of an order, as a message.

use p2p_proto::{order as proto, timestamp};

use super::encode;
use crate::domain::{Arrival, History, Order, Outcome, Party, Said, Sent, Work};

pub(super) fn history(history: History) -> proto::GetOrderHistoryResponse {
    let History { order, outcome_told_at, messages, more } = history;
    proto::GetOrderHistoryResponse {
        state: encode::state(order.state.status()),
        hold_until: order.state.hold_until().map(timestamp),
        cancelled_by: party(&order),
        outcome: outcome(&order),
        order: Some(encode::order(order)),
        outcome_told_at: outcome_told_at.map(timestamp),
        messages: messages.into_iter().map(message).collect(),
        more,
    }
}

fn party(order: &Order) -> i32 {
    let party = match order.state.cancellation().map(|cancellation| cancellation.by) {
        None => proto::Party::Unspecified,
        Some(Party::Buyer) => proto::Party::Buyer,
        Some(Party::Seller) => proto::Party::Seller,
        Some(Party::Platform) => proto::Party::Platform,
    };
    party.into()
}

fn outcome(order: &Order) -> i32 {
    let outcome = match order.outcome() {
        None => proto::OrderOutcome::Unspecified,
        Some(Outcome::Success) => proto::OrderOutcome::Success,
        Some(Outcome::Failure) => proto::OrderOutcome::Failure,
    };
    outcome.into()
}

fn message(said: Said) -> proto::OrderMessage {
    let work = match said.work {
        None => proto::WorkStatus::Unspecified,
        Some(Work::Queued) => proto::WorkStatus::Queued,
        Some(Work::Begun) => proto::WorkStatus::Begun,
        Some(Work::Done) => proto::WorkStatus::Done,
    };
    proto::OrderMessage {
        seq: said.seq,
        action: said.action,
        direction: encode::direction(said.inbound),
        message_id: said.message.into(),
        created_at: Some(timestamp(said.at)),
        refusal: said.refusal.map(encode::refusal),
        work: work.into(),
        delivery: said.delivery.map(delivery),
    }
}

fn delivery(sent: Sent) -> proto::OrderDelivery {
    let status = match sent.arrival {
        Arrival::Pending => proto::DeliveryStatus::Pending,
        Arrival::Arrived => proto::DeliveryStatus::Delivered,
        Arrival::Dead => proto::DeliveryStatus::Dead,
    };
    proto::OrderDelivery {
        id: sent.id.to_string(),
        uri: sent.uri,
        status: status.into(),
        attempts: sent.attempts,
        last_error: sent.last_error,
        due_at: Some(timestamp(sent.due_at)),
    }
}
