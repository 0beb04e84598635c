//! Rows as Rust sees them.

use chrono::{DateTime, Utc};
use p2p_domain::{ClientId, IdError, MessageId, OrderId, ParticipantId, TransactionId, uuid_of};
use sea_orm::QueryResult;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::json;
use crate::{
    domain::{
        Cancellation, Delivery, GatewayId, InboxKey, Order, Party, Received, Refusal, Reply, State, Status,
        TransactionKey, Verdict,
    },
    error::Error,
};

/// Who works on a row; nobody when it is queued or done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Lease {
    pub gateway: String,
    pub incarnation: i64,
}

impl Lease {
    pub fn of(gateway: Option<&GatewayId>) -> Self {
        gateway.map(|g| Self { gateway: g.id.clone(), incarnation: g.incarnation }).unwrap_or_default()
    }

    pub fn is_of(&self, gateway: &GatewayId) -> bool {
        self.gateway == gateway.id && self.incarnation == gateway.incarnation
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InboxStatus {
    Queued,
    Begun,
    Done,
}

impl InboxStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Begun => "BEGUN",
            Self::Done => "DONE",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct InboxRow {
    pub key: InboxKey,
    pub scope: TransactionKey,
    pub seq: i64,
    pub buyer_seq: i64,
    pub event: Uuid,
    /// SHA-256 of the body, in hexadecimal digits.
    pub digest: String,
    pub verdict: Verdict,
    pub status: InboxStatus,
    pub lease: Lease,
    pub created_at: DateTime<Utc>,
    pub traceparent: String,
    /// Its event's; read only where it may be the same as that of what comes now.
    pub authorization: String,
}

impl InboxRow {
    pub fn digest(body: &str) -> String {
        format!("{:x}", Sha256::digest(body.as_bytes()))
    }

    pub fn read(row: &QueryResult) -> Result<Self, Error> {
        let key = inbox_key(row)?;
        let status = match row.try_get::<String>("", "status")?.as_str() {
            "QUEUED" => InboxStatus::Queued,
            "BEGUN" => InboxStatus::Begun,
            "DONE" => InboxStatus::Done,
            other => return Err(Error::impossible("inbox", &key.message, format!("status {other}"))),
        };
        Ok(Self {
            scope: scope(row)?,
            seq: row.try_get("", "seq")?,
            buyer_seq: row.try_get("", "buyer_seq")?,
            event: row.try_get("", "event_id")?,
            digest: row.try_get("", "digest_hex")?,
            verdict: Verdict { refusal: refusal(row)?, at: row.try_get("", "answered_at")? },
            status,
            lease: Lease {
                gateway: row.try_get("", "lease_gateway")?,
                incarnation: row.try_get("", "lease_incarnation")?,
            },
            created_at: row.try_get("", "created_at")?,
            traceparent: row.try_get("", "traceparent")?,
            authorization: authorization(row)?,
            key,
        })
    }
}

#[derive(Debug, Clone)]
pub(super) struct EventRow {
    pub id: Uuid,
    pub scope: TransactionKey,
    pub seq: i64,
    pub buyer_seq: i64,
    pub message: MessageId,
    pub action: String,
    pub direction: &'static str,
    pub raw_json: String,
    pub buyer_json: String,
    pub authorization: String,
}

impl EventRow {
    pub fn inbound(row: &InboxRow, message: &Received, buyer_json: &str) -> Self {
        Self {
            id: row.event,
            scope: row.scope.clone(),
            seq: row.seq,
            buyer_seq: row.buyer_seq,
            message: row.key.message.clone(),
            action: row.key.action.clone(),
            direction: "INBOUND",
            raw_json: message.body.clone(),
            buyer_json: buyer_json.to_owned(),
            authorization: message.authorization.clone(),
        }
    }

    pub fn outbound(
        now: DateTime<Utc>,
        scope: &TransactionKey,
        message: &Reply,
        buyer_json: &str,
        (seq, buyer_seq): (i64, i64),
    ) -> Self {
        Self {
            id: uuid_of(now),
            scope: scope.clone(),
            seq,
            buyer_seq,
            message: message.message.clone(),
            action: message.action.clone(),
            direction: "OUTBOUND",
            raw_json: message.body.clone(),
            buyer_json: buyer_json.to_owned(),
            authorization: message.authorization.clone(),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct OutboxRow {
    pub id: Uuid,
    pub scope: TransactionKey,
    /// Its text; none while it is to be composed.
    pub event: Option<Uuid>,
    /// The request that it answers; none when nobody asked.
    pub request: Option<Uuid>,
    /// What the message is about that nobody asked for.
    pub order: Option<OrderId>,
    pub action: String,
    pub message: MessageId,
    pub uri: String,
    pub due_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub lease: Lease,
    pub traceparent: String,
}

pub(super) fn scope(row: &QueryResult) -> Result<TransactionKey, Error> {
    let bap: String = row.try_get("", "bap_id")?;
    let transaction: String = row.try_get("", "transaction_id")?;
    let bad = |e: IdError| Error::impossible("transactions", &transaction, e);
    Ok(TransactionKey {
        bap: ParticipantId::parse(&bap).map_err(bad)?,
        transaction: TransactionId::parse(&transaction).map_err(bad)?,
    })
}

/// Whose a trade is.
pub(super) fn client(row: &QueryResult) -> Result<Option<ClientId>, Error> {
    let text: String = row.try_get("", "client_id")?;
    let client = Some(&text).filter(|text| !text.is_empty()).map(|text| ClientId::parse(text));
    client.transpose().map_err(|e| Error::impossible("transactions", &text, e))
}

pub(super) fn message_id(row: &QueryResult) -> Result<MessageId, Error> {
    let text: String = row.try_get("", "message_id")?;
    MessageId::parse(&text).map_err(|e| Error::impossible("events", &text, e))
}

pub(super) fn inbox_key(row: &QueryResult) -> Result<InboxKey, Error> {
    let sender: String = row.try_get("", "sender")?;
    let sender = ParticipantId::parse(&sender).map_err(|e| Error::impossible("inbox", &sender, e))?;
    Ok(InboxKey { sender, action: row.try_get("", "action")?, message: message_id(row)? })
}

/// An event's; empty when it has none.
pub(super) fn authorization(row: &QueryResult) -> Result<String, Error> {
    Ok(row.try_get::<Option<String>>("", "authorization")?.unwrap_or_default())
}

pub(super) fn refusal(row: &QueryResult) -> Result<Option<Refusal>, Error> {
    let code: Option<String> = row.try_get("", "error_code")?;
    let message: Option<String> = row.try_get("", "error_message")?;
    Ok(code.map(|code| Refusal { code, message: message.unwrap_or_default() }))
}

pub(super) fn order(row: &QueryResult) -> Result<Order, Error> {
    let id: Uuid = row.try_get("", "id")?;
    let status: String = row.try_get("", "status")?;
    let hold_until: DateTime<Utc> = row.try_get("", "hold_until")?;
    let state = match status.as_str() {
        "DRAFT" => State::Draft { hold_until },
        "PENDING" => State::Pending { hold_until },
        "ACTIVE" => State::Active,
        "COMPLETED" => State::Completed,
        "CANCELLING" => State::Cancelling(cancellation(id, row)?),
        "CANCELLED" => State::Cancelled(cancellation(id, row)?),
        "EXPIRING" => State::Expiring { hold_until },
        "EXPIRED" => State::Expired,
        other => return Err(Error::impossible("orders", id, format!("status {other}"))),
    };
    Ok(Order {
        id: OrderId(id),
        scope: scope(row)?,
        quote: json::quote(row).map_err(|why| Error::impossible("orders", id, why))?,
        state,
        created_at: row.try_get("", "created_at")?,
        updated_at: row.try_get("", "updated_at")?,
    })
}

fn cancellation(id: Uuid, row: &QueryResult) -> Result<Cancellation, Error> {
    let by: Option<String> = row.try_get("", "cancelled_by")?;
    let by = match by.as_deref() {
        Some("BUYER") => Party::Buyer,
        Some("SELLER") => Party::Seller,
        // Nobody else could give an order up before that was noted.
        Some("PLATFORM") | None => Party::Platform,
        Some(other) => return Err(Error::impossible("orders", id, format!("cancelled by {other}"))),
    };
    let from: Option<String> = row.try_get("", "cancelled_from")?;
    let from = match from.as_deref() {
        Some("DRAFT") | None => Status::Draft,
        Some("PENDING") => Status::Pending,
        Some("ACTIVE") => Status::Active,
        Some(other) => return Err(Error::impossible("orders", id, format!("cancelled from {other}"))),
    };
    Ok(Cancellation { by, from, reason: row.try_get("", "reason")? })
}

/// Selects these rows of `outbox`, `o`, as [`delivery`] reads them.
pub(super) fn deliveries(rows: &str) -> String {
    format!(
        r#"SELECT o.*, e.raw_json, e."authorization", r."authorization" AS request_authorization
           FROM {rows} o
           LEFT JOIN orders.events e ON e.id = o.event_id
           LEFT JOIN orders.events r ON r.id = o.request_event_id"#
    )
}

/// A row of `outbox` with its event's text, which is empty while it is to be composed, and with the headers of its event
/// and of what it answers.
pub(super) fn delivery(row: &QueryResult) -> Result<Delivery, Error> {
    let attempts: i32 = row.try_get("", "attempts")?;
    Ok(Delivery {
        id: row.try_get("", "id")?,
        scope: scope(row)?,
        action: row.try_get("", "action")?,
        message: message_id(row)?,
        uri: row.try_get("", "uri")?,
        body: row.try_get::<Option<String>>("", "raw_json")?.unwrap_or_default(),
        attempts: attempts.unsigned_abs(),
        traceparent: row.try_get("", "traceparent")?,
        authorization: authorization(row)?,
        request_authorization: row
            .try_get::<Option<String>>("", "request_authorization")?
            .unwrap_or_default(),
        unsolicited: None,
    })
}
