//! The table `match_decisions`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use p2p_domain::{Currency, Energy, Money, OfferId, ParticipantId, ProviderId, TimeWindow, TransactionId};
use p2p_runtime::postgres::column;
use rust_decimal::Decimal;
use sea_orm::{DbBackend, QueryOrder, Statement, entity::prelude::*};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{Candidate, Decision, Matched, Policy, Score, Scores, Share, Trade, Weights},
    error::Error,
    store::Store,
};

/// A choice.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(schema_name = "matching", table_name = "match_decisions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    bap_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    transaction_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    decided_at: DateTime<Utc>,
    quantity_wh: i64,
    window_start: DateTime<Utc>,
    window_end: DateTime<Utc>,
    max_price: Option<Decimal>,
    currency: Option<String>,
    weight_price: f64,
    weight_trust: f64,
    weight_time: f64,
    min_trust: f64,
    candidates: i32,
    eligible: i32,
    ranked_json: Json,
}

/// None: trades are in another service's schema.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// An element of `ranked_json`. The price is a text, so that nothing rounds it.
#[derive(Serialize, Deserialize)]
struct MatchedJson {
    offer_id: OfferId,
    provider_id: ProviderId,
    price: String,
    currency: String,
    available_wh: i64,
    window_start: DateTime<Utc>,
    window_end: DateTime<Utc>,
    score: f64,
    price_score: f64,
    trust_score: f64,
    time_fit_score: f64,
}

/// Absent texts are empty. The same choice again, after an answer that was lost, changes nothing.
const NOTE: &str = "
    INSERT INTO matching.match_decisions (bap_id, transaction_id, decided_at, quantity_wh, window_start, window_end,
                                          max_price, currency, weight_price, weight_trust, weight_time, min_trust,
                                          candidates, eligible, ranked_json)
    SELECT k.bap_id, k.transaction_id, k.decided_at, k.quantity_wh, k.window_start, k.window_end,
           nullif(k.max_price, '')::numeric, nullif(k.currency, ''), k.weight_price, k.weight_trust, k.weight_time,
           k.min_trust, k.candidates, k.eligible, k.ranked_json::jsonb
    FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::timestamptz[], $6::timestamptz[],
                $7::text[], $8::text[], $9::double precision[], $10::double precision[], $11::double precision[],
                $12::double precision[], $13::bigint[], $14::bigint[], $15::text[])
         AS k (bap_id, transaction_id, decided_at, quantity_wh, window_start, window_end, max_price, currency,
               weight_price, weight_trust, weight_time, min_trust, candidates, eligible, ranked_json)
    ON CONFLICT (bap_id, transaction_id, decided_at) DO NOTHING";

const FORGET: &str = "
    DELETE FROM matching.match_decisions d
    USING (
        SELECT bap_id, transaction_id, decided_at FROM matching.match_decisions
        WHERE decided_at < now() - $1 * interval '1 second' ORDER BY decided_at LIMIT $2
    ) old
    WHERE (d.bap_id, d.transaction_id, d.decided_at) = (old.bap_id, old.transaction_id, old.decided_at)";

impl Store {
    /// Writes choices, all at once.
    ///
    /// # Errors
    /// When the database fails; then the same may be written again.
    pub async fn note_decisions(&self, decisions: &[Decision]) -> Result<(), Error> {
        let weights = |d: &Decision| d.policy.weights;
        let max_price = |d: &Decision| d.max_price.map(|max| max.amount().to_string()).unwrap_or_default();
        let currency = |d: &Decision| d.max_price.map(|max| max.currency().to_string()).unwrap_or_default();
        let values = [
            column(decisions, |d| d.trade.bap.to_string()),
            column(decisions, |d| d.trade.transaction.to_string()),
            column(decisions, |d| d.decided_at),
            column(decisions, |d| d.quantity.wh()),
            column(decisions, |d| d.window.start()),
            column(decisions, |d| d.window.end()),
            column(decisions, max_price),
            column(decisions, currency),
            column(decisions, |d| weights(d).price().value()),
            column(decisions, |d| weights(d).trust().value()),
            column(decisions, |d| weights(d).time().value()),
            column(decisions, |d| d.policy.min_trust.value()),
            column(decisions, |d| i64::from(d.candidates)),
            column(decisions, |d| i64::from(d.eligible)),
            column(decisions, |d| {
                serde_json::json!(d.best.iter().map(written).collect::<Vec<_>>()).to_string()
            }),
        ];
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, NOTE, values);
        self.0.execute_raw(statement).await.map_err(Error::WriteDecisions)?;
        Ok(())
    }

    /// The newest choice that was made for a trade.
    ///
    /// # Errors
    /// When the database fails or the row is impossible.
    pub async fn newest_decision(&self, trade: &Trade) -> Result<Option<Decision>, Error> {
        let newest = Entity::find()
            .filter(Column::BapId.eq(trade.bap.as_str()))
            .filter(Column::TransactionId.eq(trade.transaction.as_str()))
            .order_by_desc(Column::DecidedAt)
            .one(&self.0)
            .await
            .map_err(Error::ReadDecision)?;
        let Some(row) = newest else { return Ok(None) };
        let impossible =
            |why| Error::ImpossibleDecision { transaction_id: trade.transaction.to_string(), why };
        decision(row).map(Some).map_err(impossible)
    }

    /// Removes the oldest choices of those that are older than so long, at most so many. Answers how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_decisions(&self, older_than: Duration, limit: u32) -> Result<u64, Error> {
        let seconds = i64::try_from(older_than.as_secs()).unwrap_or(i64::MAX);
        let values = [seconds.into(), i64::from(limit).into()];
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, FORGET, values);
        let removed = self.0.execute_raw(statement).await.map_err(Error::WriteDecisions)?;
        Ok(removed.rows_affected())
    }
}

fn written(matched: &Matched) -> MatchedJson {
    let Matched { offer, scores } = matched;
    MatchedJson {
        offer_id: offer.offer_id.clone(),
        provider_id: offer.provider_id.clone(),
        price: offer.price.amount().to_string(),
        currency: offer.price.currency().to_string(),
        available_wh: offer.available.wh(),
        window_start: offer.window.start(),
        window_end: offer.window.end(),
        score: scores.total.value(),
        price_score: scores.price.value(),
        trust_score: scores.trust.value(),
        time_fit_score: scores.time_fit.value(),
    }
}

fn decision(row: Model) -> anyhow::Result<Decision> {
    let max_price = match (row.max_price, row.currency) {
        (Some(amount), Some(currency)) => Some(Money::new(amount, currency.parse::<Currency>()?)?),
        _ => None,
    };
    let best: Vec<MatchedJson> = serde_json::from_value(row.ranked_json)?;
    let [price, trust, time] = [share(row.weight_price)?, share(row.weight_trust)?, share(row.weight_time)?];
    Ok(Decision {
        trade: Trade {
            bap: ParticipantId::parse(&row.bap_id)?,
            transaction: TransactionId::parse(&row.transaction_id)?,
        },
        decided_at: row.decided_at,
        quantity: Energy::from_wh(row.quantity_wh)?,
        window: TimeWindow::new(row.window_start, row.window_end)?,
        max_price,
        policy: Policy { weights: Weights::new(price, trust, time)?, min_trust: share(row.min_trust)? },
        candidates: row.candidates.try_into()?,
        eligible: row.eligible.try_into()?,
        best: best.into_iter().map(matched).collect::<anyhow::Result<_>>()?,
    })
}

fn share(number: f64) -> anyhow::Result<Share> {
    Share::new(number).ok_or_else(|| anyhow::anyhow!("{number} is not from 0 to 1"))
}

fn matched(json: MatchedJson) -> anyhow::Result<Matched> {
    let score =
        |number| Score::new(number).ok_or_else(|| anyhow::anyhow!("the score {number} is not from 0 to 1"));
    Ok(Matched {
        offer: Candidate {
            offer_id: json.offer_id,
            provider_id: json.provider_id,
            price: Money::new(json.price.parse()?, json.currency.parse()?)?,
            available: Energy::from_wh(json.available_wh)?,
            window: TimeWindow::new(json.window_start, json.window_end)?,
        },
        scores: Scores {
            total: score(json.score)?,
            price: score(json.price_score)?,
            trust: score(json.trust_score)?,
            time_fit: score(json.time_fit_score)?,
        },
    })
}
