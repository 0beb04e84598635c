//! Domain values to messages.

use std::time::Duration;

use chrono::{DateTime, Utc};
use p2p_domain::Id;
use p2p_proto::{
    common,
    order::{self as proto, begin_response},
    timestamp,
};
use uuid::Uuid;

use crate::{
    app::{Checked, Violation},
    domain::{
        Answer, Change, Conclusion, Delivery, GatewayId, Order, Quote, Refusal, State, Status, Verdict,
    },
    store::{
        Claimed, DeadLetter, DeadPage, Event, EventPage, OrderPage, Recorded, TransactionPage, TransactionRow,
    },
};

pub(super) fn gateway(gateway: GatewayId) -> proto::Gateway {
    proto::Gateway { id: gateway.id, incarnation: gateway.incarnation }
}

pub(super) fn duration(duration: Duration) -> prost_types::Duration {
    duration.try_into().unwrap_or_default()
}

pub(super) fn refusal(refusal: Refusal) -> proto::Refusal {
    proto::Refusal { code: refusal.code, message: refusal.message }
}

fn verdict(verdict: Verdict) -> proto::Verdict {
    proto::Verdict { refusal: verdict.refusal.map(refusal), timestamp: Some(timestamp(verdict.at)) }
}

pub(super) fn quote(quote: Quote) -> proto::Quote {
    let lines = quote.lines.into_iter().map(|line| proto::OrderLine {
        item_id: line.item.into(),
        offer_id: line.offer.into(),
        provider_id: line.provider.into(),
        quantity_wh: line.quantity.wh(),
        price_per_kwh: Some(line.price_per_kwh.into()),
        price: Some(line.price.into()),
        window: Some(line.window.into()),
    });
    proto::Quote {
        provider_id: quote.provider.into(),
        provider_name: quote.provider_name,
        lines: lines.collect(),
        total_wh: quote.quantity.wh(),
        total: Some(quote.price.into()),
    }
}

fn status(state: &State) -> i32 {
    let status = match state.seen() {
        Status::Draft => proto::OrderStatus::Draft,
        Status::Pending | Status::Expiring => proto::OrderStatus::Pending,
        Status::Active | Status::Cancelling => proto::OrderStatus::Active,
        Status::Completed => proto::OrderStatus::Completed,
        Status::Cancelled | Status::Expired => proto::OrderStatus::Cancelled,
    };
    status.into()
}

pub(super) fn order(order: Order) -> proto::Order {
    proto::Order {
        id: order.id.to_string(),
        bap_id: order.scope.bap.into(),
        transaction_id: order.scope.transaction.into(),
        status: status(&order.state),
        reason: order.state.reason().to_owned(),
        quote: Some(quote(order.quote)),
        created_at: Some(timestamp(order.created_at)),
        updated_at: Some(timestamp(order.updated_at)),
    }
}

pub(super) fn state(status: Status) -> i32 {
    let state = match status {
        Status::Draft => proto::OrderState::Draft,
        Status::Pending => proto::OrderState::Pending,
        Status::Active => proto::OrderState::Active,
        Status::Completed => proto::OrderState::Completed,
        Status::Cancelling => proto::OrderState::Cancelling,
        Status::Cancelled => proto::OrderState::Cancelled,
        Status::Expiring => proto::OrderState::Expiring,
        Status::Expired => proto::OrderState::Expired,
    };
    state.into()
}

fn change(change: Change) -> proto::OrderChange {
    proto::OrderChange {
        order_id: change.order.to_string(),
        from: state(change.from),
        to: state(change.to),
        at: Some(timestamp(change.at)),
        reason: change.reason,
    }
}

/// `given` is the verdict that was to be recorded.
pub(super) fn recorded(answer: Answer<Recorded>, given: Verdict) -> proto::RecordResponse {
    let response = |outcome: proto::Outcome, told: Option<Verdict>, delivery: Option<Uuid>, buyer_seq| {
        proto::RecordResponse {
            outcome: outcome.into(),
            verdict: told.map(verdict),
            delivery_id: delivery.map(|id| id.to_string()).unwrap_or_default(),
            buyer_seq,
        }
    };
    match answer {
        Answer::Accepted(recorded) => {
            response(proto::Outcome::Accepted, Some(given), recorded.delivery, recorded.buyer_seq)
        }
        Answer::Queued => response(proto::Outcome::Queued, Some(given), None, 0),
        Answer::Repeated { verdict, buyer_seq } => {
            response(proto::Outcome::Repeated, Some(verdict), None, buyer_seq)
        }
        Answer::Replayed { verdict, buyer_seq } => {
            response(proto::Outcome::Replayed, Some(verdict), None, buyer_seq)
        }
        Answer::Conflict => response(proto::Outcome::Conflict, None, None, 0),
    }
}

/// `at` is the timestamp of an acknowledgement that this call decided.
pub(super) fn begun(
    answer: Answer<(Verdict, Option<Conclusion>)>,
    at: DateTime<Utc>,
) -> proto::BeginResponse {
    let response = |outcome: proto::Outcome, told: Option<Verdict>| proto::BeginResponse {
        outcome: outcome.into(),
        verdict: told.map(verdict),
        result: None,
        change: None,
    };
    match answer {
        Answer::Accepted((verdict, outcome)) => {
            let mut response = response(proto::Outcome::Accepted, Some(verdict));
            let (result, to_commit) = match outcome {
                Some(Conclusion::Order(made, change)) => {
                    (Some(begin_response::Result::Order(order(*made))), change)
                }
                Some(Conclusion::Failed(why, change)) => {
                    (Some(begin_response::Result::Failure(refusal(why))), change)
                }
                None => (None, None),
            };
            response.result = result;
            response.change = to_commit.map(change);
            response
        }
        Answer::Queued => response(proto::Outcome::Queued, Some(Verdict { refusal: None, at })),
        Answer::Repeated { verdict, .. } => response(proto::Outcome::Repeated, Some(verdict)),
        Answer::Replayed { verdict, .. } => response(proto::Outcome::Replayed, Some(verdict)),
        Answer::Conflict => response(proto::Outcome::Conflict, None),
    }
}

pub(super) fn claimed(claimed: Claimed) -> proto::ClaimResponse {
    let work = claimed.work.into_iter().map(|(message, accepted_at)| proto::ClaimedWork {
        message: Some(proto::ReceivedMessage {
            sender: message.key.sender.into(),
            action: message.key.action,
            message_id: message.key.message.into(),
            bap_id: message.scope.bap.into(),
            transaction_id: message.scope.transaction.into(),
            body: message.body,
            traceparent: message.traceparent,
            authorization: message.authorization,
        }),
        accepted_at: Some(timestamp(accepted_at)),
    });
    proto::ClaimResponse {
        work: work.collect(),
        deliveries: claimed.deliveries.into_iter().map(delivery).collect(),
    }
}

pub(super) fn delivery(delivery: Delivery) -> proto::Delivery {
    proto::Delivery {
        id: delivery.id.to_string(),
        bap_id: delivery.scope.bap.into(),
        transaction_id: delivery.scope.transaction.into(),
        action: delivery.action,
        message_id: delivery.message.into(),
        uri: delivery.uri,
        body: delivery.body,
        attempts: delivery.attempts,
        traceparent: delivery.traceparent,
        authorization: delivery.authorization,
        request_authorization: delivery.request_authorization,
        unsolicited: delivery
            .unsolicited
            .map(|said| proto::Unsolicited { order: Some(order(said.order)), init_body: said.init_body }),
    }
}

pub(super) fn dead(page: DeadPage) -> proto::ListDeadResponse {
    let last = page.letters.last().filter(|_| page.more);
    let next_cursor = last.map(|letter| uuid_cursor(letter.died_at, letter.delivery.id));
    let letter = |letter: DeadLetter| proto::DeadLetter {
        delivery: Some(delivery(letter.delivery)),
        error: letter.error,
        died_at: Some(timestamp(letter.died_at)),
    };
    proto::ListDeadResponse {
        next_cursor: next_cursor.unwrap_or_default(),
        letters: page.letters.into_iter().map(letter).collect(),
    }
}

/// Where a list goes on behind its last row.
fn uuid_cursor(at: DateTime<Utc>, id: Uuid) -> String {
    format!("{}-{}", at.timestamp_micros(), id.simple())
}

/// The same where ids are texts.
pub(super) fn cursor<K>(at: DateTime<Utc>, id: &Id<K>) -> String {
    let digits: String = id.as_str().bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{digits}", at.timestamp_micros())
}

pub(super) fn direction(inbound: bool) -> i32 {
    if inbound { proto::Direction::Inbound } else { proto::Direction::Outbound }.into()
}

pub(super) fn events(page: EventPage, transaction_id: &str) -> proto::ListEventsResponse {
    let event = |event: Event| proto::Event {
        id: event.id.to_string(),
        transaction_id: transaction_id.to_owned(),
        message_id: event.message.into(),
        action: event.action,
        direction: direction(event.inbound),
        raw_json: event.raw_json,
        created_at: Some(timestamp(event.created_at)),
        seq: event.seq,
        buyer_seq: event.buyer_seq,
        buyer_json: event.buyer_json,
        authorization: event.authorization,
        refusal: event.refusal.map(refusal),
    };
    let events = page.events.into_iter().map(event).collect();
    proto::ListEventsResponse { events, buyer_seq: page.buyer_seq, more: page.more }
}

pub(super) fn transaction(row: TransactionRow) -> proto::Transaction {
    proto::Transaction {
        transaction_id: row.transaction.into(),
        buyer_seq: row.buyer_seq,
        created_at: Some(timestamp(row.created_at)),
        client_id: row.client.map(String::from).unwrap_or_default(),
    }
}

pub(super) fn transactions(page: TransactionPage) -> proto::ListTransactionsResponse {
    let last = page.transactions.last().filter(|_| page.more);
    let next_cursor = last.map(|row| cursor(row.created_at, &row.transaction));
    proto::ListTransactionsResponse {
        next_cursor: next_cursor.unwrap_or_default(),
        transactions: page.transactions.into_iter().map(transaction).collect(),
    }
}

pub(super) fn provider_orders(page: OrderPage) -> proto::ListProviderOrdersResponse {
    let last = page.orders.last().filter(|_| page.more);
    let next_cursor = last.map(|order| uuid_cursor(order.created_at, order.id.0));
    proto::ListProviderOrdersResponse {
        next_cursor: next_cursor.unwrap_or_default(),
        orders: page.orders.into_iter().map(order).collect(),
    }
}

pub(super) fn checked(checked: Checked) -> proto::CheckInvariantsResponse {
    let violation = |v: Violation| common::Violation { rule: v.rule, what: v.what };
    proto::CheckInvariantsResponse {
        violations: checked.violations.into_iter().map(violation).collect(),
        orders: checked.orders,
    }
}
