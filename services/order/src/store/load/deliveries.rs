//! Deliveries that a batch changes more of than their state.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement};
use uuid::Uuid;

use super::super::{
    op::Op,
    row::{self, Lease},
};
use crate::{
    domain::{GatewayId, MarkResult, TransactionKey},
    error::Error,
};

/// An outbox row.
pub(in super::super) struct LoadedDelivery {
    pub scope: TransactionKey,
    pub lease: Lease,
    pub has_text: bool,
}

impl LoadedDelivery {
    pub fn is_leased_by(&self, gateway: &GatewayId) -> bool {
        self.lease.is_of(gateway)
    }
}

/// The open ones that are marked with a refusal, or get their text: to learn which trades they belong to.
pub(super) async fn read(
    tx: &DatabaseTransaction,
    ops: &[Op],
) -> Result<HashMap<Uuid, LoadedDelivery>, Error> {
    let refused = |(id, result): &(Uuid, MarkResult)| result.refusal().map(|_| *id);
    let mut ids: Vec<Uuid> = Vec::new();
    for op in ops {
        match op {
            Op::Mark(mark) => ids.extend(mark.marks.iter().filter_map(refused)),
            Op::Compose(compose) => ids.push(compose.delivery),
            Op::Record(_) | Op::Begin(_) | Op::Finish(_) | Op::Send(_) | Op::Perform(_) | Op::Settle(_) => {}
        }
    }
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    find(tx, ids, "").await
}

/// The same under the locks of their trades, and locked themselves: another process may have marked them since.
pub(super) async fn lock(
    tx: &DatabaseTransaction,
    read: HashMap<Uuid, LoadedDelivery>,
) -> Result<HashMap<Uuid, LoadedDelivery>, Error> {
    if read.is_empty() {
        return Ok(read);
    }
    find(tx, read.into_keys().collect(), "ORDER BY id FOR UPDATE").await
}

async fn find(
    tx: &DatabaseTransaction,
    ids: Vec<Uuid>,
    lock: &str,
) -> Result<HashMap<Uuid, LoadedDelivery>, Error> {
    let text = format!(
        "SELECT id, bap_id, transaction_id, lease_gateway, lease_incarnation, event_id IS NOT NULL AS has_text
         FROM orders.outbox WHERE id = ANY($1::uuid[]) AND status = 'PENDING' {lock}"
    );
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, text, [ids.into()]);
    let mut found = HashMap::new();
    for row in tx.query_all_raw(statement).await? {
        let lease = Lease {
            gateway: row.try_get("", "lease_gateway")?,
            incarnation: row.try_get("", "lease_incarnation")?,
        };
        let delivery =
            LoadedDelivery { scope: row::scope(&row)?, lease, has_text: row.try_get("", "has_text")? };
        found.insert(row.try_get("", "id")?, delivery);
    }
    Ok(found)
}
