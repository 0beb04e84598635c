//! The table `provider_trust`.

use chrono::{DateTime, Utc};
use p2p_domain::{ProviderId, Trust};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    DatabaseTransaction, QuerySelect,
    entity::prelude::*,
    sea_query::OnConflict,
};

use crate::{domain::KnownTrust, error::Error, store::Store};

/// Trust in one provider.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(schema_name = "matching", table_name = "provider_trust")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    provider_id: String,
    trust_score: f64,
    total_orders: i64,
    successful_orders: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// None: the providers themselves are in another service's schema.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Store {
    /// What is known of these providers' trust, in one query.
    ///
    /// # Errors
    /// When the database fails or a row is impossible.
    pub async fn trust_in(&self, providers: &[ProviderId]) -> Result<KnownTrust, Error> {
        if providers.is_empty() {
            return Ok(KnownTrust::default());
        }
        let ids = providers.iter().map(ProviderId::to_string);
        let rows = Entity::find()
            .filter(Column::ProviderId.eq_any(ids))
            .all(&self.0)
            .await
            .map_err(Error::ReadTrust)?;
        rows.into_iter().map(trust).collect()
    }

    /// Makes the trust in a provider this.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_trust(&self, provider: &ProviderId, trust: Trust) -> Result<(), Error> {
        set(&self.0, provider, trust).await
    }
}

/// Writes the trust in a provider, over what there was.
pub(super) async fn set(db: &impl ConnectionTrait, provider: &ProviderId, trust: Trust) -> Result<(), Error> {
    let replace = OnConflict::column(Column::ProviderId)
        .update_columns([Column::TrustScore, Column::TotalOrders, Column::SuccessfulOrders])
        .value(Column::UpdatedAt, Expr::current_timestamp())
        .to_owned();
    let written = Entity::insert(row(provider, trust)).on_conflict(replace).exec_without_returning(db).await;
    written.map_err(|source| Error::WriteTrust { provider_id: provider.to_string(), source })?;
    Ok(())
}

/// The trust in a provider, locked until the transaction ends; an unknown provider gets its row first.
pub(super) async fn lock(tx: &DatabaseTransaction, provider: &ProviderId) -> Result<Trust, Error> {
    let unknown =
        Entity::insert(row(provider, Trust::UNKNOWN)).on_conflict_do_nothing_on([Column::ProviderId]);
    unknown.exec_without_returning(tx).await?;
    one(tx, Entity::find_by_id(provider.as_str()).lock_exclusive()).await
}

/// The trust in a provider.
pub(super) async fn read(tx: &DatabaseTransaction, provider: &ProviderId) -> Result<Trust, Error> {
    one(tx, Entity::find_by_id(provider.as_str())).await
}

async fn one(tx: &DatabaseTransaction, query: Select<Entity>) -> Result<Trust, Error> {
    let Some(row) = query.one(tx).await? else { return Ok(Trust::UNKNOWN) };
    trust(row).map(|(_provider, trust)| trust)
}

fn row(provider: &ProviderId, trust: Trust) -> ActiveModel {
    ActiveModel {
        provider_id: Set(provider.to_string()),
        trust_score: Set(trust.score()),
        total_orders: Set(trust.total_orders().into()),
        successful_orders: Set(trust.successful_orders().into()),
        created_at: NotSet,
        updated_at: NotSet,
    }
}

fn trust(row: Model) -> Result<(ProviderId, Trust), Error> {
    let Model { provider_id, trust_score, total_orders, successful_orders, .. } = row;
    match (ProviderId::parse(&provider_id), Trust::new(trust_score, total_orders, successful_orders)) {
        (Ok(provider), Ok(trust)) => Ok((provider, trust)),
        (Err(source), _) => Err(Error::ImpossibleProvider { provider_id, source }),
        (_, Err(source)) => Err(Error::ImpossibleTrust { provider_id, source }),
    }
}

#[cfg(test)]
mod tests {
    use p2p_domain::TrustError;

    use super::*;

    #[test]
    fn an_impossible_row_is_an_error_that_names_it() {
        let at = DateTime::UNIX_EPOCH;
        let row = Model {
            provider_id: "p".into(),
            trust_score: 0.5,
            total_orders: 1,
            successful_orders: 2,
            created_at: at,
            updated_at: at,
        };
        let error = trust(row.clone()).unwrap_err();
        assert_eq!(error.to_string(), "provider_trust has an impossible row for p");
        assert!(matches!(error, Error::ImpossibleTrust { source: TrustError::Orders, .. }));
        assert!(matches!(
            trust(Model { provider_id: "p\n".into(), ..row }),
            Err(Error::ImpossibleProvider { .. })
        ));
    }
}
