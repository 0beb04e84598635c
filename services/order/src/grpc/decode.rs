//! Messages to domain values.

use std::time::Duration;

use chrono::{DateTime, Utc};
use p2p_domain::{
    ClientId, Energy, Id, ItemId, Kind, MessageId, OfferId, OrderId, ParticipantId, ProviderId, TransactionId,
};
use p2p_proto::{
    InvalidMessage,
    order::{self as proto, delivery_mark},
    required, utc,
};
use p2p_runtime::trace;
use uuid::Uuid;

use crate::{
    domain::{
        Change, GatewayId, InboxKey, Intent, Line, MarkResult, Quote, Received, Refusal, Reply,
        RequestedLine, Status, TransactionKey, Verdict,
    },
    error::Error,
    store::{Begin, Compose, Finish, Mark, Record, Send},
};

const MOST_CHARS: usize = 1_000;
const LONGEST_AUTHORIZATION: usize = 2_048;
const MOST_LISTED: u32 = 1_000;
const USUALLY_LISTED: u32 = 100;

/// A page's size: what was asked for, within bounds.
pub(super) fn limit(asked: u32) -> u32 {
    if asked == 0 { USUALLY_LISTED } else { asked.min(MOST_LISTED) }
}

/// A seller; none when it is left open.
pub(super) fn provider(id: &str) -> Result<Option<ProviderId>, InvalidMessage> {
    Ok(if id.is_empty() { None } else { Some(ProviderId::parse(id)?) })
}

/// 1 to 255 printable ASCII characters, like the ids of participants.
pub(super) fn gateway_id(id: String) -> Result<String, InvalidMessage> {
    Ok(participant(&id)?.to_string())
}

pub(super) fn gateway(gateway: Option<proto::Gateway>) -> Result<GatewayId, InvalidMessage> {
    let gateway = required(gateway, "gateway")?;
    Ok(GatewayId { id: gateway_id(gateway.id)?, incarnation: gateway.incarnation })
}

pub(super) fn participant(id: &str) -> Result<ParticipantId, InvalidMessage> {
    Ok(ParticipantId::parse(id)?)
}

pub(super) fn scope(bap_id: &str, transaction_id: &str) -> Result<TransactionKey, InvalidMessage> {
    let transaction = TransactionId::parse(transaction_id)?;
    Ok(TransactionKey { bap: participant(bap_id)?, transaction })
}

pub(super) fn received(message: Option<proto::ReceivedMessage>) -> Result<Received, InvalidMessage> {
    let message = required(message, "message")?;
    let key = InboxKey {
        sender: participant(&message.sender)?,
        action: message.action,
        message: MessageId::parse(&message.message_id)?,
    };
    Ok(Received {
        key,
        scope: scope(&message.bap_id, &message.transaction_id)?,
        body: message.body,
        traceparent: traceparent(message.traceparent),
        authorization: authorization(message.authorization)?,
    })
}

pub(super) fn message(id: &str) -> Result<MessageId, InvalidMessage> {
    Ok(MessageId::parse(id)?)
}

pub(super) fn work(work: proto::Work) -> Result<(InboxKey, TransactionKey), InvalidMessage> {
    let scope = scope(&work.bap_id, &work.transaction_id)?;
    let message = MessageId::parse(&work.message_id)?;
    Ok((InboxKey { sender: participant(&work.sender)?, action: work.action, message }, scope))
}

fn instant(at: Option<prost_types::Timestamp>, name: &'static str) -> Result<DateTime<Utc>, InvalidMessage> {
    utc(required(at, name)?)
}

/// Absent: none at all.
pub(super) fn duration(duration: Option<prost_types::Duration>) -> Result<Duration, InvalidMessage> {
    duration.unwrap_or_default().try_into().map_err(|_negative| InvalidMessage::Timestamp)
}

fn verdict(verdict: Option<proto::Verdict>) -> Result<Verdict, InvalidMessage> {
    let verdict = required(verdict, "verdict")?;
    Ok(Verdict {
        refusal: verdict.refusal.map(refusal),
        at: instant(verdict.timestamp, "verdict.timestamp")?,
    })
}

/// Somebody's words, without what no text column takes, and not for ever.
pub(super) fn text(text: String) -> String {
    text.chars().filter(|c| *c != '\0').take(MOST_CHARS).collect()
}

/// As it came, if it is a context; nobody is refused for one that is none.
fn traceparent(text: String) -> String {
    if trace::from_traceparent(&text).is_some() { text } else { String::new() }
}

/// As it came: a signature covers another one byte by byte.
fn authorization(text: String) -> Result<String, InvalidMessage> {
    let is_printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let fits = is_printable && text.len() <= LONGEST_AUTHORIZATION;
    if fits { Ok(text) } else { Err(InvalidMessage::Authorization) }
}

fn refusal(refusal: proto::Refusal) -> Refusal {
    Refusal { code: text(refusal.code), message: text(refusal.message) }
}

/// A callback: it is signed anew at each attempt.
fn reply(message: proto::OutgoingMessage) -> Result<Reply, InvalidMessage> {
    Ok(Reply { authorization: String::new(), ..outgoing(message)? })
}

fn outgoing(message: proto::OutgoingMessage) -> Result<Reply, InvalidMessage> {
    Ok(Reply {
        action: message.action,
        message: MessageId::parse(&message.message_id)?,
        uri: message.uri,
        body: message.body,
        delay: duration(message.delay)?,
        lifetime: message.lifetime.map(|lifetime| duration(Some(lifetime))).transpose()?,
        traceparent: traceparent(message.traceparent),
        authorization: authorization(message.authorization)?,
    })
}

pub(super) fn lines(lines: Vec<proto::RequestedLine>) -> Result<Vec<RequestedLine>, InvalidMessage> {
    let line = |line: proto::RequestedLine| {
        let item = Some(&line.item_id).filter(|id| !id.is_empty()).map(|id| ItemId::parse(id)).transpose()?;
        let quantity = Energy::from_wh(line.quantity_wh)?;
        Ok(RequestedLine { item, offer: OfferId::parse(&line.offer_id)?, quantity })
    };
    lines.into_iter().map(line).collect()
}

fn quote(quote: proto::Quote) -> Result<Quote, InvalidMessage> {
    let line = |line: proto::OrderLine| {
        Ok(Line {
            item: ItemId::parse(&line.item_id)?,
            offer: OfferId::parse(&line.offer_id)?,
            provider: ProviderId::parse(&line.provider_id)?,
            quantity: Energy::from_wh(line.quantity_wh)?,
            price_per_kwh: required(line.price_per_kwh, "line.price_per_kwh")?.try_into()?,
            price: required(line.price, "line.price")?.try_into()?,
            window: required(line.window, "line.window")?.try_into()?,
        })
    };
    Ok(Quote {
        provider: ProviderId::parse(&quote.provider_id)?,
        provider_name: quote.provider_name,
        lines: quote.lines.into_iter().map(line).collect::<Result<_, InvalidMessage>>()?,
        quantity: Energy::from_wh(quote.total_wh)?,
        price: required(quote.total, "quote.total")?.try_into()?,
    })
}

pub(super) fn record(request: proto::RecordRequest) -> Result<Record, InvalidMessage> {
    Ok(Record {
        gateway: gateway(request.gateway)?,
        message: received(request.message)?,
        verdict: verdict(request.verdict)?,
        reply: request.reply.map(reply).transpose()?,
        quote: request.quote.map(quote).transpose()?,
        buyer_json: request.buyer_json,
    })
}

pub(super) fn begin(
    by: Option<proto::Gateway>,
    message: Received,
    timestamp: Option<prost_types::Timestamp>,
    intent: Intent,
    resume: bool,
) -> Result<Begin, InvalidMessage> {
    Ok(Begin { gateway: gateway(by)?, message, at: instant(timestamp, "timestamp")?, intent, resume })
}

fn status(state: i32) -> Result<Status, InvalidMessage> {
    match proto::OrderState::try_from(state) {
        Ok(proto::OrderState::Draft) => Ok(Status::Draft),
        Ok(proto::OrderState::Pending) => Ok(Status::Pending),
        Ok(proto::OrderState::Active) => Ok(Status::Active),
        Ok(proto::OrderState::Completed) => Ok(Status::Completed),
        Ok(proto::OrderState::Cancelling) => Ok(Status::Cancelling),
        Ok(proto::OrderState::Cancelled) => Ok(Status::Cancelled),
        Ok(proto::OrderState::Expiring) => Ok(Status::Expiring),
        Ok(proto::OrderState::Expired) => Ok(Status::Expired),
        Ok(proto::OrderState::Unspecified) | Err(_) => Err(InvalidMessage::Missing("order state")),
    }
}

fn change(change: proto::OrderChange) -> Result<Change, InvalidMessage> {
    Ok(Change {
        order: change.order_id.parse::<OrderId>()?,
        from: status(change.from)?,
        to: status(change.to)?,
        at: instant(change.at, "change.at")?,
        reason: change.reason,
    })
}

pub(super) fn finish(request: proto::FinishRequest) -> Result<Finish, InvalidMessage> {
    let (key, scope) = work(required(request.work, "work")?)?;
    Ok(Finish {
        gateway: gateway(request.gateway)?,
        key,
        scope,
        reply: reply(required(request.reply, "reply")?)?,
        change: request.change.map(change).transpose()?,
        quote: request.quote.map(quote).transpose()?,
    })
}

pub(super) fn compose(request: proto::ComposeRequest) -> Result<Compose, InvalidMessage> {
    Ok(Compose {
        gateway: gateway(request.gateway)?,
        delivery: uuid(&request.delivery_id)?,
        message: reply(required(request.message, "message")?)?,
    })
}

pub(super) fn send(request: proto::SendRequest) -> Result<Send, InvalidMessage> {
    Ok(Send {
        gateway: gateway(request.gateway)?,
        scope: scope(&request.bap_id, &request.transaction_id)?,
        message: outgoing(required(request.message, "message")?)?,
        buyer_json: request.buyer_json,
        client: client(&request.client_id)?,
        seen: request.seen_buyer_seq,
    })
}

/// A client; none when it is left open.
pub(super) fn client(id: &str) -> Result<Option<ClientId>, InvalidMessage> {
    Ok(if id.is_empty() { None } else { Some(ClientId::parse(id)?) })
}

pub(super) fn uuids(ids: &[String]) -> Result<Vec<Uuid>, InvalidMessage> {
    ids.iter().map(|id| uuid(id)).collect()
}

pub(super) fn uuid(id: &str) -> Result<Uuid, InvalidMessage> {
    Uuid::parse_str(id).map_err(|_not_a_uuid| InvalidMessage::Missing("a UUID"))
}

pub(super) fn mark(request: proto::MarkRequest) -> Result<Mark, InvalidMessage> {
    let mark = |mark: proto::DeliveryMark| {
        use delivery_mark::Result as Marked;
        let result = match required(mark.result, "mark.result")? {
            Marked::Delivered(delivered) => MarkResult::Delivered(delivered.refusal.map(refusal)),
            Marked::Retry(retry) => MarkResult::Retry(duration(retry.after)?, retry.error),
            Marked::Dead(dead) => MarkResult::Dead(dead.error, dead.refusal.map(refusal)),
        };
        Ok((uuid(&mark.delivery_id)?, result))
    };
    let marks = request.marks.into_iter().map(mark).collect::<Result<_, InvalidMessage>>()?;
    Ok(Mark { gateway: gateway(request.gateway)?, marks })
}

/// The last one of a page: when it was made, and its id.
type Listed<I> = (DateTime<Utc>, I);

/// A cursor of a list whose ids are texts: microseconds and id of the last one listed, fit for a URL.
pub(super) fn cursor<K: Kind>(text: &str) -> Result<Option<Listed<Id<K>>>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    let parsed = text.split_once('-').and_then(|(micros, digits)| {
        let at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
        let pairs =
            digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
        let id = String::from_utf8(pairs.collect::<Option<Vec<u8>>>()?).ok()?;
        Some((at, Id::parse(&id).ok()?))
    });
    parsed.map(Some).ok_or(Error::Cursor)
}

/// A cursor of ListProviderOrders: microseconds and id of the last one listed.
pub(super) fn order_cursor(text: &str) -> Result<Option<Listed<OrderId>>, Error> {
    Ok(dead_cursor(text)?.map(|(at, id)| (at, OrderId(id))))
}

/// A cursor of ListDead: microseconds and id of the last one listed.
pub(super) fn dead_cursor(text: &str) -> Result<Option<Listed<Uuid>>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    let parsed = text.split_once('-').and_then(|(micros, id)| {
        Some((DateTime::from_timestamp_micros(micros.parse().ok()?)?, id.parse().ok()?))
    });
    parsed.map(Some).ok_or(Error::Cursor)
}
