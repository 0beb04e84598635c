//! The table `order_outcomes`, and trust that follows from it. Whatever reads it to decide about a provider's trust
//! holds that provider's row of `provider_trust`.

use chrono::{DateTime, Utc};
use p2p_domain::{OrderId, ProviderId, Trust};
use p2p_runtime::postgres::transact;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    DatabaseTransaction, TryInsertResult,
    entity::prelude::*,
};

use super::provider_trust;
use crate::{domain::Outcome, error::Error, store::Store};

/// How one order ended.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(schema_name = "matching", table_name = "order_outcomes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    order_id: String,
    provider_id: String,
    outcome: String,
    created_at: DateTime<Utc>,
}

/// None: orders are in another service's schema.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The trust in a provider after an outcome was told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recorded {
    /// As it is now.
    pub trust: Trust,
    /// False when the order had been counted before.
    pub counted: bool,
}

/// What an order came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted {
    /// Who sold.
    pub provider: ProviderId,
    /// How it ended.
    pub outcome: Outcome,
    /// When it was counted.
    pub counted_at: DateTime<Utc>,
    /// The provider's trust as it is now.
    pub trust: Trust,
}

impl Store {
    /// How an order ended, if that was told.
    ///
    /// # Errors
    /// When the database fails or a row is impossible.
    pub async fn outcome(&self, order: OrderId) -> Result<Option<Counted>, Error> {
        let row = Entity::find_by_id(order.to_string()).one(&self.0).await.map_err(Error::ReadOutcome)?;
        let Some(Model { order_id, provider_id, outcome, created_at }) = row else { return Ok(None) };
        let provider = ProviderId::parse(&provider_id)
            .map_err(|source| Error::ImpossibleProvider { provider_id, source })?;
        let outcome = Outcome::of(&outcome).ok_or(Error::ImpossibleOutcome { order_id, outcome })?;
        let trust = self.trust_in(std::slice::from_ref(&provider)).await?.of(&provider);
        Ok(Some(Counted { provider, outcome, counted_at: created_at, trust }))
    }

    /// Counts how an order ended, unless it was counted before, in one transaction.
    ///
    /// # Errors
    /// When the database fails or a row is impossible.
    pub async fn record_outcome(
        &self,
        order: OrderId,
        provider: &ProviderId,
        outcome: Outcome,
    ) -> Result<Recorded, Error> {
        let provider = provider.clone();
        transact(&self.0, move |tx| {
            let provider = provider.clone();
            Box::pin(async move { count(tx, order, &provider, outcome).await })
        })
        .await
    }

    /// Makes the trust in a provider this if none of its orders was counted. Returns the trust as it is then.
    ///
    /// # Errors
    /// When the database fails or a row is impossible.
    pub async fn set_trust_unless_counted(
        &self,
        provider: &ProviderId,
        trust: Trust,
    ) -> Result<Trust, Error> {
        let provider = provider.clone();
        transact(&self.0, move |tx| {
            let provider = provider.clone();
            Box::pin(async move { set_unless_counted(tx, &provider, trust).await })
        })
        .await
    }
}

async fn count(
    tx: &DatabaseTransaction,
    order: OrderId,
    provider: &ProviderId,
    outcome: Outcome,
) -> Result<Recorded, Error> {
    if !is_new(tx, order, provider, outcome).await? {
        return Ok(Recorded { trust: provider_trust::read(tx, provider).await?, counted: false });
    }
    let before = provider_trust::lock(tx, provider).await?;
    let impossible = |source| Error::ImpossibleTrust { provider_id: provider.to_string(), source };
    let trust = outcome.counted_into(before).map_err(impossible)?;
    provider_trust::set(tx, provider, trust).await?;
    Ok(Recorded { trust, counted: true })
}

/// Writes the order's outcome if it has none. A call for the same order waits here until the first one has committed.
async fn is_new(
    tx: &DatabaseTransaction,
    order: OrderId,
    provider: &ProviderId,
    outcome: Outcome,
) -> Result<bool, Error> {
    let row = ActiveModel {
        order_id: Set(order.to_string()),
        provider_id: Set(provider.to_string()),
        outcome: Set(outcome.as_str().to_owned()),
        created_at: NotSet,
    };
    let once = Entity::insert(row).on_conflict_do_nothing_on([Column::OrderId]);
    let written = once.exec_without_returning(tx).await?;
    Ok(matches!(written, TryInsertResult::Inserted(1)))
}

async fn set_unless_counted(
    tx: &DatabaseTransaction,
    provider: &ProviderId,
    trust: Trust,
) -> Result<Trust, Error> {
    let before = provider_trust::lock(tx, provider).await?;
    let counted = Entity::find().filter(Column::ProviderId.eq(provider.as_str())).one(tx).await?;
    if counted.is_some() {
        return Ok(before);
    }
    provider_trust::set(tx, provider, trust).await?;
    Ok(trust)
}
