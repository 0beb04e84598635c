//! Deliveries that a batch changes more of than their state.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DatabaseConnection};
use uuid::Uuid;

use super::super::{
    op::Op,
    row::{self, Lease},
    sql,
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

/// The open ones that are marked with a refusal, or get their text, and which trades they belong to.
pub(super) async fn read(
    db: &DatabaseConnection,
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
    let statement = sql(
        "SELECT id, bap_id, transaction_id, lease_gateway, lease_incarnation, event_id IS NOT NULL AS has_text
         FROM orders.outbox WHERE id = ANY($1::uuid[]) AND status = 'PENDING'",
        [ids.into()],
    );

    let mut found = HashMap::new();
    for row in db.query_all_raw(statement).await? {
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
