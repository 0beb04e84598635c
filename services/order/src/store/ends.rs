//! Orders that are over, and what their ends say about their sellers.

use p2p_domain::{OrderId, ProviderId};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::{Store, row, sql};
use crate::{
    domain::{Order, Outcome, TransactionKey},
    error::Error,
};

/// What an order came to that the matching service has not acknowledged.
#[derive(Debug)]
pub struct Untold {
    /// Which order.
    pub order: OrderId,
    /// Who sold.
    pub provider: ProviderId,
    /// How it ended.
    pub outcome: Outcome,
}

impl Store {
    /// An order of a seller, or of whomever.
    ///
    /// # Errors
    /// When there is none, it is another seller's, or the database fails.
    pub async fn order_of(&self, id: &str, seller: Option<&ProviderId>) -> Result<Order, Error> {
        let not_found = || Error::OrderNotFound(id.to_owned());
        let order: OrderId = id.parse().map_err(|_not_a_uuid| not_found())?;
        let statement = sql(
            "SELECT * FROM orders.orders WHERE id = $1 AND ($2 = '' OR provider_id = $2)",
            [order.0.into(), seller.map(ToString::to_string).unwrap_or_default().into()],
        );
        row::order(&self.db.query_one_raw(statement).await?.ok_or_else(not_found)?)
    }

    /// Orders whose hold is over or that are given up, and with which no action goes on.
    ///
    /// # Errors
    /// When the database fails or a row cannot be.
    pub async fn over(&self, limit: u32) -> Result<Vec<(TransactionKey, OrderId)>, Error> {
        // The bound stands where it is known when the query is planned: then each half is read in the order of its index,
        // as far as it is needed, however many there are.
        let half = |condition: &str, oldest: &str| {
            format!(
                "(SELECT o.id, o.bap_id, o.transaction_id FROM orders.orders o WHERE {condition} AND NOT EXISTS (
                      SELECT 1 FROM orders.inbox i
                      WHERE i.bap_id = o.bap_id AND i.transaction_id = o.transaction_id AND i.status <> 'DONE')
                  ORDER BY {oldest} LIMIT {limit})"
            )
        };
        let held =
            half("o.status IN ('DRAFT', 'PENDING', 'EXPIRING') AND o.hold_until <= now()", "o.hold_until");
        let given_up = half("o.status = 'CANCELLING'", "o.updated_at");
        let statement = sql(format!("{held} UNION ALL {given_up} LIMIT {limit}"), []);
        let found = self.db.query_all_raw(statement).await?;
        found.iter().map(|found| Ok((row::scope(found)?, OrderId(found.try_get("", "id")?)))).collect()
    }

    /// What orders came to that the matching service has not acknowledged, oldest first.
    ///
    /// # Errors
    /// When the database fails or a row cannot be.
    pub async fn untold_outcomes(&self, limit: u32) -> Result<Vec<Untold>, Error> {
        let statement = sql(
            "SELECT id, provider_id, outcome FROM orders.orders
             WHERE outcome IS NOT NULL AND outcome_recorded_at IS NULL ORDER BY updated_at LIMIT $1",
            [i64::from(limit).into()],
        );
        let found = self.db.query_all_raw(statement).await?;
        let outcomes = found.iter().map(|found| {
            let (id, provider): (Uuid, String) =
                (found.try_get("", "id")?, found.try_get("", "provider_id")?);
            let outcome = match found.try_get::<String>("", "outcome")?.as_str() {
                "SUCCESS" => Outcome::Success,
                "FAILURE" => Outcome::Failure,
                other => return Err(Error::impossible("orders", id, format!("outcome {other}"))),
            };
            let provider = ProviderId::parse(&provider).map_err(|e| Error::impossible("orders", id, e))?;
            Ok(Untold { order: OrderId(id), provider, outcome })
        });
        outcomes.collect()
    }

    /// The matching service has counted these.
    ///
    /// # Errors
    /// When the database fails: then it is told again, and counts none twice.
    pub async fn outcomes_told(&self, orders: &[OrderId]) -> Result<(), Error> {
        if orders.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = orders.iter().map(|order| order.0).collect();
        let statement = sql(
            "UPDATE orders.orders SET outcome_recorded_at = now()
             WHERE id = ANY($1::uuid[]) AND outcome_recorded_at IS NULL",
            [ids.into()],
        );
        self.db.execute_raw(statement).await?;
        Ok(())
    }
}
