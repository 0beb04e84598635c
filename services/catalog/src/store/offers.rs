//! Table `catalog_offers`.

use chrono::{DateTime, Utc};
use p2p_domain::{ItemId, Money, OfferId};
use rust_decimal::Decimal;
use sea_orm::{ConnectionTrait, QueryResult};

use super::{Store, Tx, providers::origin_text, row::Row, sql};
use crate::{
    Error,
    domain::{Listing, Offer, Price},
};

/// The item is kept from changing its source type until the offer has it too.
const INSERT: &str = "
    INSERT INTO catalog_offers (id, item_id, provider_id, source_type, price_value, currency, block_qty, max_qty,
                                available_qty, time_window_start, time_window_end, pricing_model, settlement_type,
                                origin, published)
    SELECT $1, item.id, $3, item.source_type, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, NULLIF($14, '')
    FROM catalog_items item WHERE item.id = $2 FOR KEY SHARE
    ON CONFLICT (id) DO NOTHING";

/// What is written is on sale.
const UPDATE: &str = "
    UPDATE catalog_offers
    SET price_value = $2, currency = $3, max_qty = $4, available_qty = $5, time_window_start = $6,
        time_window_end = $7, past = false, pricing_model = $8, settlement_type = $9, published = NULLIF($10, ''),
        withdrawn_at = NULL, updated_at = now()
    WHERE id = $1";

const WITHDRAW: &str = "UPDATE catalog_offers SET withdrawn_at = now(), updated_at = now() WHERE id = $1";

impl Store {
    /// An offer that was just written, with what belongs to it. None is ever deleted.
    pub(crate) async fn written_offer(&self, id: &OfferId) -> Result<Listing, Error> {
        let listing = self.listings(std::slice::from_ref(id)).await?.pop();
        listing.ok_or_else(|| Error::Impossible {
            table: "catalog_offers",
            id: id.to_string(),
            why: "gone right after it was written".to_owned(),
        })
    }
}

impl Tx<'_> {
    /// What the offer sells; none if there is no such offer. None is ever deleted or sells something else.
    pub(crate) async fn item_of(&self, offer: &OfferId) -> Result<Option<ItemId>, Error> {
        let query = sql("SELECT id, item_id FROM catalog_offers WHERE id = $1", [offer.as_str().into()]);
        let Some(columns) = self.0.query_one_raw(query).await? else { return Ok(None) };
        Row::new("catalog_offers", "", "id", &columns)?.parsed("item_id").map(Some)
    }

    /// Writes a new offer; false if there is one with its id.
    pub(crate) async fn insert_offer(&self, offer: &Offer) -> Result<bool, Error> {
        let values = [
            offer.id.as_str().into(),
            offer.item.as_str().into(),
            offer.provider.as_str().into(),
            offer.price.money().amount().into(),
            offer.price.money().currency().as_str().into(),
            offer.block.kwh().into(),
            offer.total.kwh().into(),
            offer.stock.available.kwh().into(),
            offer.window.start().into(),
            offer.window.end().into(),
            offer.pricing_model.as_str().into(),
            offer.settlement_type.as_str().into(),
            origin_text(offer.origin).into(),
            offer.published.as_str().into(),
        ];
        Ok(self.0.execute_raw(sql(INSERT, values)).await?.rows_affected() == 1)
    }

    /// The offer, locked.
    pub(crate) async fn lock_offer(&self, id: &OfferId) -> Result<Option<Offer>, Error> {
        let query = sql("SELECT * FROM catalog_offers WHERE id = $1 FOR NO KEY UPDATE", [id.as_str().into()]);
        self.0.query_one_raw(query).await?.map(|columns| offer(&columns, "")).transpose()
    }

    /// Takes a locked offer off sale.
    pub(crate) async fn withdraw(&self, offer: &OfferId) -> Result<(), Error> {
        self.0.execute_raw(sql(WITHDRAW, [offer.as_str().into()])).await?;
        Ok(())
    }

    /// Writes a locked offer's price, window, texts and total, and puts it on sale.
    pub(crate) async fn update_offer(&self, offer: &Offer) -> Result<(), Error> {
        let values = [
            offer.id.as_str().into(),
            offer.price.money().amount().into(),
            offer.price.money().currency().as_str().into(),
            offer.total.kwh().into(),
            offer.stock.available.kwh().into(),
            offer.window.start().into(),
            offer.window.end().into(),
            offer.pricing_model.as_str().into(),
            offer.settlement_type.as_str().into(),
            offer.published.as_str().into(),
        ];
        self.0.execute_raw(sql(UPDATE, values)).await?;
        Ok(())
    }
}

/// An offer from columns with such a prefix.
pub(super) fn offer(columns: &QueryResult, prefix: &'static str) -> Result<Offer, Error> {
    let row = Row::new("catalog_offers", prefix, "id", columns)?;
    let price: Decimal = row.get("price_value")?;
    let money = Money::new(price, row.parsed("currency")?).map_err(|e| row.impossible(e))?;
    Ok(Offer {
        id: row.parsed("id")?,
        item: row.parsed("item_id")?,
        provider: row.parsed("provider_id")?,
        price: Price::new(money).map_err(|e| row.impossible(e))?,
        block: row.energy("block_qty")?,
        total: row.energy("max_qty")?,
        stock: row.counters()?,
        window: row.window("time_window_start", "time_window_end")?,
        pricing_model: row.label("pricing_model")?,
        settlement_type: row.label("settlement_type")?,
        origin: row.origin()?,
        withdrawn: row.get::<Option<DateTime<Utc>>>("withdrawn_at")?.is_some(),
        published: row.published()?,
    })
}
