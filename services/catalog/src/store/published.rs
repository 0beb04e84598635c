//! What was published of listings that are shown: it is not read of all that were looked at.

use std::collections::{BTreeSet, HashMap};

use sea_orm::{ConnectionTrait, Value};

use super::{Store, row::Row, sql};
use crate::{
    Error,
    domain::{Listing, Origin, Published},
};

const TEXTS: &str = "
    SELECT 'offer' AS kind, id, origin, published FROM catalog_offers WHERE id = ANY ($1) AND published IS NOT NULL
    UNION ALL
    SELECT 'item', id, origin, published FROM catalog_items WHERE id = ANY ($2) AND published IS NOT NULL
    UNION ALL
    SELECT 'provider', id, origin, published FROM providers WHERE id = ANY ($3) AND published IS NOT NULL";

/// By id.
type Texts = HashMap<String, Published>;

impl Store {
    /// Adds what was published of listings that were read without it. Nothing was of what did not come by sync.
    pub(crate) async fn add_published(&self, listings: &mut [Listing]) -> Result<(), Error> {
        let mut synced: Vec<&mut Listing> =
            listings.iter_mut().filter(|listing| listing.offer.origin == Origin::Sync).collect();
        if synced.is_empty() {
            return Ok(());
        }
        let ids = |of: fn(&Listing) -> &str| -> Value {
            let ids: BTreeSet<&str> = synced.iter().map(|listing| of(listing)).collect();
            ids.into_iter().map(str::to_owned).collect::<Vec<String>>().into()
        };
        let values = [
            ids(|listing| listing.offer.id.as_str()),
            ids(|listing| listing.item.id.as_str()),
            ids(|listing| listing.provider.id.as_str()),
        ];
        let (mut offers, mut items, mut providers) = (Texts::new(), Texts::new(), Texts::new());
        for columns in self.db.query_all_raw(sql(TEXTS, values)).await? {
            let (table, texts) = match columns.try_get::<String>("", "kind")?.as_str() {
                "offer" => ("catalog_offers", &mut offers),
                "item" => ("catalog_items", &mut items),
                _provider => ("providers", &mut providers),
            };
            let published = Row::new(table, "", "id", &columns)?.published()?;
            texts.insert(columns.try_get("", "id")?, published);
        }
        let of = |texts: &Texts, id: &str| texts.get(id).cloned().unwrap_or_default();
        for Listing { offer, item, provider } in &mut synced {
            offer.published = of(&offers, offer.id.as_str());
            item.published = of(&items, item.id.as_str());
            provider.published = of(&providers, provider.id.as_str());
        }
        Ok(())
    }
}
