//! Whose a transaction is. It does not change: the first client that asks in it has it for ever.

use p2p_domain::{ClientId, TransactionId};
use quick_cache::sync::Cache;
use tonic::Status;

use super::{Loaded, Transactions};
use crate::access::Buyer;

const MOST_OWNERS: usize = 50_000;

/// Those that are known here. What is nobody's is not remembered.
pub(super) struct Owners(Cache<TransactionId, ClientId>);

impl Default for Owners {
    fn default() -> Self {
        Self(Cache::new(MOST_OWNERS))
    }
}

impl Owners {
    /// Nothing is known any more.
    pub fn forget(&self) {
        self.0.clear();
    }
}

impl Transactions {
    /// Whether it is this buyer's. What is nobody's, and what there is not, is no client's.
    ///
    /// # Errors
    /// When the mailbox does not answer.
    pub async fn is_of(&self, buyer: &Buyer, transaction: &TransactionId) -> Result<bool, Status> {
        let Buyer::Client(client) = buyer else { return Ok(true) };
        if let Some(owner) = self.owners.0.get(transaction) {
            return Ok(owner == *client);
        }
        let found = self.look_up(transaction).await?;
        let Some(owner) = found.and_then(|found| ClientId::parse(&found.client_id).ok()) else {
            return Ok(false);
        };
        let is_own = owner == *client;
        self.owners.0.insert(transaction.clone(), owner);
        Ok(is_own)
    }

    /// The mailbox has taken a request of this buyer in it.
    pub fn belongs_to(&self, transaction: &TransactionId, buyer: &Buyer) {
        if let Buyer::Client(client) = buyer {
            self.owners.0.insert(transaction.clone(), client.clone());
        }
    }

    /// The state as a request of this buyer needs it: that of another's transaction is as empty as that of one that
    /// there is not.
    ///
    /// # Errors
    /// When neither Redis nor the mailbox has an answer.
    pub async fn load_for(&self, buyer: &Buyer, transaction: &TransactionId) -> Result<Loaded, Status> {
        if self.is_of(buyer, transaction).await? {
            self.load(transaction).await
        } else {
            Ok(Loaded::default())
        }
    }
}
