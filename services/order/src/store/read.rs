//! What is read beside the writer.

use chrono::{DateTime, Utc};
use p2p_domain::{ClientId, MessageId, OrderId, ParticipantId, ProviderId, TransactionId};
use p2p_runtime::postgres::TRIES;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::{Store, row, sql};
use crate::{
    domain::{InboxKey, Order, Refusal, TransactionKey},
    error::Error,
};

/// How far back a buyer's view goes.
const BUYER_VIEW: &str = "24 hours";

/// A logged message.
#[derive(Debug)]
pub struct Event {
    pub id: Uuid,
    pub seq: i64,
    pub buyer_seq: i64,
    pub message: MessageId,
    pub action: String,
    pub inbound: bool,
    pub raw_json: String,
    pub buyer_json: String,
    /// The header that it came with or is sent with; empty when it was not signed.
    pub authorization: String,
    pub created_at: DateTime<Utc>,
    /// What the buyer was told when this request was refused or never made.
    pub refusal: Option<Refusal>,
}

/// Which events to read.
#[derive(Debug)]
pub struct EventQuery {
    /// Of which trade.
    pub scope: TransactionKey,
    /// Only what the buyer's side did and heard since it last cleared its view.
    pub buyer_view: bool,
    /// Only those behind this seq.
    pub after: i64,
    /// At most so many.
    pub limit: u32,
}

/// Events of one trade.
#[derive(Debug)]
pub struct EventPage {
    /// By seq.
    pub events: Vec<Event>,
    /// The trade's newest buyer_seq, read before the events.
    pub buyer_seq: i64,
    /// More follow.
    pub more: bool,
}

/// A trade of a buyer's side.
#[derive(Debug)]
pub struct TransactionRow {
    /// Which.
    pub transaction: TransactionId,
    /// What the buyer's side did and heard in it.
    pub buyer_seq: i64,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// Whose it is; nobody's in particular when none.
    pub client: Option<ClientId>,
}

/// A page of trades.
#[derive(Debug)]
pub struct TransactionPage {
    /// Newest first.
    pub transactions: Vec<TransactionRow>,
    /// More follow.
    pub more: bool,
}

/// A page of a seller's orders.
#[derive(Debug)]
pub struct OrderPage {
    /// Newest first.
    pub orders: Vec<Order>,
    /// More follow.
    pub more: bool,
}

impl Store {
    /// The orders of a seller, or of all, newest first, behind the given one.
    ///
    /// # Errors
    /// When the database fails or a row cannot be.
    pub async fn provider_orders(
        &self,
        provider: Option<&ProviderId>,
        behind: Option<(DateTime<Utc>, OrderId)>,
        limit: u32,
    ) -> Result<OrderPage, Error> {
        let (at, id) = behind.unwrap_or((DateTime::<Utc>::MAX_UTC, OrderId(Uuid::max())));
        let (at, id, read) = (at.into(), id.0.into(), (i64::from(limit) + 1).into());
        // One plan each: no index serves both.
        let statement = match provider {
            Some(provider) => sql(
                "SELECT * FROM orders.orders WHERE provider_id = $4 AND (created_at, id) < ($1, $2)
                 ORDER BY created_at DESC, id DESC LIMIT $3",
                [at, id, read, provider.to_string().into()],
            ),
            None => sql(
                "SELECT * FROM orders.orders WHERE (created_at, id) < ($1, $2)
                 ORDER BY created_at DESC, id DESC LIMIT $3",
                [at, id, read],
            ),
        };
        let mut orders: Vec<Order> =
            self.db.query_all_raw(statement).await?.iter().map(row::order).collect::<Result<_, _>>()?;
        let more = orders.len() > limit as usize;
        orders.truncate(limit as usize);
        Ok(OrderPage { orders, more })
    }

    /// An order under its own trade.
    ///
    /// # Errors
    /// When there is none, or the database fails.
    pub async fn order(&self, scope: &TransactionKey, id: &str) -> Result<Order, Error> {
        let not_found = || Error::OrderNotFound(id.to_owned());
        let order: OrderId = id.parse().map_err(|_not_a_uuid| not_found())?;
        let statement = sql(
            "SELECT * FROM orders.orders WHERE id = $1 AND bap_id = $2 AND transaction_id = $3",
            [order.0.into(), scope.bap.to_string().into(), scope.transaction.to_string().into()],
        );
        let found = self.db.query_one_raw(statement).await?.ok_or_else(not_found)?;
        row::order(&found)
    }

    /// The newest order of a trade.
    ///
    /// # Errors
    /// When there is none, or the database fails.
    pub async fn newest_order(&self, scope: &TransactionKey) -> Result<Order, Error> {
        // Without a limit: with one the planner may walk all orders from the newest back.
        let newest = self.orders(scope).await?.into_iter().next();
        newest.ok_or_else(|| Error::NoOrder(scope.transaction.to_string()))
    }

    /// The orders of a trade, newest first.
    ///
    /// # Errors
    /// When the database fails or a row cannot be.
    pub async fn orders(&self, scope: &TransactionKey) -> Result<Vec<Order>, Error> {
        let statement = sql(
            "SELECT * FROM orders.orders WHERE bap_id = $1 AND transaction_id = $2 ORDER BY created_at DESC, id",
            [scope.bap.to_string().into(), scope.transaction.to_string().into()],
        );
        self.db.query_all_raw(statement).await?.iter().map(row::order).collect()
    }

    /// Messages of a trade, in order of acceptance.
    ///
    /// # Errors
    /// When the database fails or a row cannot be.
    pub async fn events(&self, query: &EventQuery) -> Result<EventPage, Error> {
        let scope = &query.scope;
        let counters = sql(
            "SELECT buyer_seq, cleared_seq FROM orders.transactions WHERE bap_id = $1 AND transaction_id = $2",
            [scope.bap.to_string().into(), scope.transaction.to_string().into()],
        );
        let Some(counters) = self.db.query_one_raw(counters).await? else {
            return Ok(EventPage { events: vec![], buyer_seq: 0, more: false });
        };
        let cleared: i64 = counters.try_get("", "cleared_seq")?;
        let newer = if query.buyer_view { query.after.max(cleared) } else { query.after };
        let statement = sql(
            "SELECT e.*, o.error_code, o.error_message FROM orders.events e
             LEFT JOIN orders.outbox o ON o.event_id = e.id
             WHERE e.bap_id = $1 AND e.transaction_id = $2 AND e.seq > $3
               AND (NOT $4 OR (e.buyer_seq > 0 AND e.created_at > now() - $5::interval))
             ORDER BY e.seq LIMIT $6",
            [
                scope.bap.to_string().into(),
                scope.transaction.to_string().into(),
                newer.into(),
                query.buyer_view.into(),
                BUYER_VIEW.into(),
                (i64::from(query.limit) + 1).into(),
            ],
        );
        let found = self.db.query_all_raw(statement).await?;
        let more = found.len() > query.limit as usize;
        let events = found.iter().take(query.limit as usize).map(|found| {
            Ok(Event {
                id: found.try_get("", "id")?,
                seq: found.try_get("", "seq")?,
                buyer_seq: found.try_get("", "buyer_seq")?,
                message: row::message_id(found)?,
                action: found.try_get("", "action")?,
                inbound: found.try_get::<String>("", "direction")? == "INBOUND",
                raw_json: found.try_get("", "raw_json")?,
                buyer_json: found.try_get("", "buyer_json")?,
                authorization: row::authorization(found)?,
                created_at: found.try_get("", "created_at")?,
                refusal: row::refusal(found)?,
            })
        });
        let events = events.collect::<Result<_, Error>>()?;
        Ok(EventPage { events, buyer_seq: counters.try_get("", "buyer_seq")?, more })
    }

    /// The header that a request of the buyer's side was sent with; empty when it was not signed.
    ///
    /// # Errors
    /// When no such request was sent, or the database fails.
    pub async fn sent_request(&self, scope: &TransactionKey, message: &MessageId) -> Result<String, Error> {
        // From the newest back: what is answered was mostly sent just now.
        let statement = sql(
            r#"SELECT "authorization" FROM orders.events
             WHERE bap_id = $1 AND transaction_id = $2 AND message_id = $3
               AND direction = 'OUTBOUND' AND buyer_seq > 0
             ORDER BY seq DESC LIMIT 1"#,
            [scope.bap.to_string().into(), scope.transaction.to_string().into(), message.to_string().into()],
        );
        let found = self.db.query_one_raw(statement).await?;
        row::authorization(&found.ok_or_else(|| Error::RequestNotFound(message.to_string()))?)
    }

    /// Whether a message was received before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_received(&self, key: &InboxKey) -> Result<bool, Error> {
        let statement = sql(
            "SELECT 1 AS found FROM orders.inbox WHERE sender = $1 AND action = $2 AND message_id = $3",
            [key.sender.to_string().into(), key.action.clone().into(), key.message.to_string().into()],
        );
        Ok(self.db.query_one_raw(statement).await?.is_some())
    }

    /// How far a trade has come for the buyer's side.
    ///
    /// # Errors
    /// When the buyer's side has no such trade, or the database fails.
    pub async fn transaction(&self, scope: &TransactionKey) -> Result<TransactionRow, Error> {
        let statement = sql(
            "SELECT transaction_id, buyer_seq, created_at, client_id FROM orders.transactions
             WHERE bap_id = $1 AND transaction_id = $2 AND buyer_seq > 0 AND seq > cleared_seq",
            [scope.bap.to_string().into(), scope.transaction.to_string().into()],
        );
        let found = self.db.query_one_raw(statement).await?;
        let found = found.ok_or_else(|| Error::TransactionNotFound(scope.transaction.to_string()))?;
        transaction(&found)
    }

    /// The trades of a buyer's side, or of one client of it, newest first, behind the given one.
    ///
    /// # Errors
    /// When the database fails or a row cannot be.
    pub async fn transactions(
        &self,
        bap: &ParticipantId,
        client: Option<&ClientId>,
        behind: Option<(DateTime<Utc>, TransactionId)>,
        limit: u32,
    ) -> Result<TransactionPage, Error> {
        let (at, id) = behind.map_or((None, String::new()), |(at, id)| (Some(at), id.into()));
        let [bap, at, id, read] =
            [bap.to_string().into(), at.into(), id.into(), (i64::from(limit) + 1).into()];
        // One plan each: no index serves both.
        let statement = match client {
            Some(client) => sql(
                "SELECT transaction_id, buyer_seq, created_at, client_id FROM orders.transactions
                 WHERE bap_id = $1 AND client_id = $5 AND buyer_seq > 0 AND seq > cleared_seq
                   AND ($2::timestamptz IS NULL OR (created_at, transaction_id) < ($2, $3))
                 ORDER BY created_at DESC, transaction_id DESC LIMIT $4",
                [bap, at, id, read, client.to_string().into()],
            ),
            None => sql(
                "SELECT transaction_id, buyer_seq, created_at, client_id FROM orders.transactions
                 WHERE bap_id = $1 AND buyer_seq > 0 AND seq > cleared_seq
                   AND ($2::timestamptz IS NULL OR (created_at, transaction_id) < ($2, $3))
                 ORDER BY created_at DESC, transaction_id DESC LIMIT $4",
                [bap, at, id, read],
            ),
        };
        let found = self.db.query_all_raw(statement).await?;
        let more = found.len() > limit as usize;
        let transactions = found.iter().take(limit as usize).map(transaction).collect::<Result<_, _>>()?;
        Ok(TransactionPage { transactions, more })
    }

    /// Clears the buyer's view of all its trades. Answers how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn clear(&self, bap: &ParticipantId) -> Result<u64, Error> {
        let mut tries = 1;
        loop {
            // It locks many rows in no order: a writer may win the race.
            match self.try_clear(bap).await {
                Err(error) if tries < TRIES && error.lost_race() => tries += 1,
                result => return result,
            }
        }
    }

    async fn try_clear(&self, bap: &ParticipantId) -> Result<u64, Error> {
        let statement = sql(
            "UPDATE orders.transactions SET cleared_seq = seq, cleared_at = now(), buyer_seq = buyer_seq + 1, version = version + 1
             WHERE bap_id = $1 AND buyer_seq > 0 AND seq > cleared_seq",
            [bap.to_string().into()],
        );
        Ok(self.db.execute_raw(statement).await?.rows_affected())
    }
}

fn transaction(found: &sea_orm::QueryResult) -> Result<TransactionRow, Error> {
    let text: String = found.try_get("", "transaction_id")?;
    Ok(TransactionRow {
        transaction: TransactionId::parse(&text).map_err(|e| Error::impossible("transactions", &text, e))?,
        buyer_seq: found.try_get("", "buyer_seq")?,
        created_at: found.try_get("", "created_at")?,
        client: row::client(found)?,
    })
}
