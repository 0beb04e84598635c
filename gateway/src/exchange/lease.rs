//! What this gateway is working on, to be renewed while it lasts.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use p2p_proto::order::{RenewRequest, Work};

use super::Exchange;

/// A piece of work that is leased.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Leased {
    /// An accepted action.
    Work { sender: String, action: String, message_id: String, bap_id: String, transaction_id: String },
    /// A delivery.
    Delivery(String),
}

impl From<&Work> for Leased {
    fn from(work: &Work) -> Self {
        let Work { sender, action, message_id, bap_id, transaction_id } = work.clone();
        Self::Work { sender, action, message_id, bap_id, transaction_id }
    }
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Leases(Arc<Mutex<HashSet<Leased>>>);

/// Holds a lease while it lives.
#[derive(Debug)]
pub(super) struct Lease {
    held: Leases,
    leased: Leased,
}

impl Leases {
    /// Begins a piece of work; none when it is under way already.
    pub fn begin(&self, leased: Leased) -> Option<Lease> {
        let new = self.held().insert(leased.clone());
        new.then(|| Lease { held: self.clone(), leased })
    }

    fn held(&self) -> MutexGuard<'_, HashSet<Leased>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn renewal(&self) -> RenewRequest {
        let mut request = RenewRequest::default();
        for leased in self.held().iter().cloned() {
            match leased {
                Leased::Work { sender, action, message_id, bap_id, transaction_id } => {
                    request.work.push(Work { sender, action, message_id, bap_id, transaction_id });
                }
                Leased::Delivery(id) => request.delivery_ids.push(id),
            }
        }
        request
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.held.held().remove(&self.leased);
    }
}

impl Exchange {
    /// Renews the leases of all that is under way.
    pub(super) async fn renew(&self) {
        let Ok(gateway) = self.gateway() else { return };
        let mut request = self.leases.renewal();
        if request.work.is_empty() && request.delivery_ids.is_empty() {
            return;
        }
        request.gateway = Some(gateway);
        if let Err(error) = self.services.mailbox.clone().renew(request).await {
            tracing::warn!(%error, "leases are not renewed");
        }
    }
}
