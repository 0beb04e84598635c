//! States as the client reads them.

use std::sync::Arc;

use p2p_domain::TransactionId;
use p2p_proto::order::ListTransactionsRequest;
use serde::Serialize;
use serde_json::value::RawValue;
use tonic::Status;

use super::{
    Transactions,
    cached::Cached,
    state::{self, Part},
};
use crate::{
    access::Buyer,
    beckn::{ErrorBody, instant},
};

/// What `GET /api/transactions/{id}` answers before the parts.
#[derive(Serialize)]
struct Shown<'a> {
    transaction_id: &'a str,
    status: state::Status,
    created_at: String,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a ErrorBody>,
}

impl Cached {
    /// JSON. The parts are spliced in as they were stored: each was read as JSON before it was, and clients look
    /// at a whole state many times a trade.
    fn show(&self, transaction: &TransactionId) -> Option<String> {
        let head = self.head.as_ref()?;
        let shown = Shown {
            transaction_id: transaction.as_str(),
            status: head.status,
            created_at: instant(head.created_at),
            updated_at: instant(head.updated_at),
            error: head.error.as_ref(),
        };
        let mut text = serde_json::to_string(&shown).ok()?;
        text.truncate(text.len() - "}".len());
        text.reserve(self.parts.values().map(|json| json.len()).sum::<usize>() + ROOM_FOR_NAMES);
        for part in Part::ALL {
            if let Some(json) = self.part(part) {
                text.extend([",\"", part.name(), "\":", json]);
            }
        }
        text.push('}');
        Some(text)
    }
}

/// Room for the parts' names.
const ROOM_FOR_NAMES: usize = 128;

/// A page of states.
#[derive(Debug, Serialize)]
pub struct Page {
    /// Newest first.
    pub transactions: Vec<Box<RawValue>>,
    /// Where the next page begins, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Transactions {
    /// A state, as right as the mailbox has it; none when this buyer has no such transaction.
    ///
    /// # Errors
    /// When the mailbox does not answer.
    pub async fn show(&self, buyer: &Buyer, transaction: &TransactionId) -> Result<Option<String>, Status> {
        if !self.is_of(buyer, transaction).await? {
            return Ok(None);
        }
        // Another gateway would have written Redis.
        if let Some(recent) = self.recent.fresh(transaction)
            && self.cache.buyer_seq(transaction).await.is_ok_and(|seq| seq == Some(recent.buyer_seq))
        {
            return Ok(recent.show(transaction));
        }
        match self.newest(transaction).await? {
            Some(newest) => Ok(self.at(transaction, newest).await?.state.show(transaction)),
            None => Ok(None),
        }
    }

    /// A page of this buyer's states, newest first.
    ///
    /// # Errors
    /// When the mailbox does not answer or does not know the cursor.
    pub async fn list(&self, buyer: &Buyer, limit: u32, cursor: String) -> Result<Page, Status> {
        let request = ListTransactionsRequest {
            bap_id: self.bap.to_string(),
            limit,
            cursor,
            client_id: buyer.client_id(),
        };
        let page = self.mailbox.clone().list_transactions(request).await?.into_inner();
        let listed = page.transactions.iter();
        let listed: Vec<(TransactionId, i64)> =
            listed.filter_map(|t| Some((t.transaction_id.parse().ok()?, t.buyer_seq))).collect();
        let recent = listed.iter().map(|(id, newest)| self.recent.get(id).filter(|s| s.buyer_seq == *newest));
        let recent: Vec<Option<Arc<Cached>>> = recent.collect();
        let others = listed.iter().zip(&recent).filter(|(_, recent)| recent.is_none());
        let others: Vec<&TransactionId> = others.map(|((id, _), _)| id).collect();
        let mut cached = self.cache.read_all(&others).await.unwrap_or_default().into_iter();
        let mut transactions = Vec::with_capacity(listed.len());
        for ((id, newest), recent) in listed.iter().zip(recent) {
            let known = recent.or_else(|| cached.next().flatten().map(Arc::new));
            let state = match known.filter(|state| state.buyer_seq == *newest) {
                Some(state) => state,
                None => self.rebuild(id).await?.state,
            };
            transactions.extend(state.show(id).and_then(|json| RawValue::from_string(json).ok()));
        }
        let next_cursor = Some(page.next_cursor).filter(|cursor| !cursor.is_empty());
        Ok(Page { transactions, next_cursor })
    }
}
