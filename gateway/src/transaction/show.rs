//! States as the client reads them.

use p2p_domain::TransactionId;
use p2p_proto::order::ListTransactionsRequest;
use serde::Serialize;
use serde_json::value::RawValue;
use tonic::Status;

use super::{
    Transactions,
    cache::Cached,
    state::{self, Part},
};
use crate::beckn::{ErrorBody, instant};

/// A state as `GET /api/transactions/{id}` answers it. The parts are spliced in as they were stored.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    #[serde(rename = "transaction_id")]
    transaction_id: &'a str,
    status: state::Status,
    #[serde(rename = "created_at")]
    created_at: String,
    #[serde(rename = "updated_at")]
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    discovery_criteria: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    catalog: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    providers: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    matching_results: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    selected_offer: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    selected_quantity: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a ErrorBody>,
}

impl Cached {
    fn show(&self, transaction: &TransactionId) -> Option<Box<RawValue>> {
        let head = self.head.as_ref()?;
        let part = |part| self.part(part).and_then(|json| serde_json::from_str(json).ok());
        let shown = Shown {
            transaction_id: transaction.as_str(),
            status: head.status,
            created_at: instant(head.created_at),
            updated_at: instant(head.updated_at),
            discovery_criteria: part(Part::Criteria),
            catalog: part(Part::Catalog),
            providers: part(Part::Providers),
            matching_results: part(Part::Matching),
            selected_offer: part(Part::Offer),
            selected_quantity: part(Part::Quantity),
            order: part(Part::Order),
            error: head.error.as_ref(),
        };
        serde_json::value::to_raw_value(&shown).ok()
    }
}

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
    /// A state, as right as the mailbox has it; none when the buyer has no such transaction.
    ///
    /// # Errors
    /// When the mailbox does not answer.
    pub async fn show(&self, transaction: &TransactionId) -> Result<Option<Box<RawValue>>, Status> {
        let cached = self.cache.read(transaction, &Part::ALL).await.ok().flatten();
        if let Some(cached) = cached.as_ref().filter(|c| self.fresh.is(transaction, c.buyer_seq)) {
            return Ok(cached.show(transaction));
        }
        match self.newest(transaction).await? {
            Some(newest) => self.right(transaction, cached, newest).await,
            None => Ok(None),
        }
    }

    /// A page of states, newest first.
    ///
    /// # Errors
    /// When the mailbox does not answer or does not know the cursor.
    pub async fn list(&self, limit: u32, cursor: String) -> Result<Page, Status> {
        let request = ListTransactionsRequest { bap_id: self.bap.to_string(), limit, cursor };
        let page = self.mailbox.clone().list_transactions(request).await?.into_inner();
        let ids: Vec<_> = page.transactions.iter().filter_map(|t| t.transaction_id.parse().ok()).collect();
        let mut cached = self.cache.read_all(&ids).await.unwrap_or_default();
        cached.resize_with(ids.len(), || None);
        let mut transactions = Vec::with_capacity(ids.len());
        for ((id, cached), listed) in ids.iter().zip(cached).zip(&page.transactions) {
            transactions.extend(self.right(id, cached, listed.buyer_seq).await?);
        }
        let next_cursor = Some(page.next_cursor).filter(|cursor| !cursor.is_empty());
        Ok(Page { transactions, next_cursor })
    }

    /// The cached state if it is the newest, else the rebuilt one.
    async fn right(
        &self,
        transaction: &TransactionId,
        cached: Option<Cached>,
        newest: i64,
    ) -> Result<Option<Box<RawValue>>, Status> {
        match cached {
            Some(cached) if cached.buyer_seq == newest => {
                self.fresh.note(transaction, newest);
                Ok(cached.show(transaction))
            }
            _ => {
                let rebuilt = self.rebuild(transaction).await?;
                Ok(rebuilt.state.show(transaction))
            }
        }
    }
}
