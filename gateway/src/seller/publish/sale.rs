//! What a provider has for sale, as a catalog.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use p2p_domain::TimeWindow;
use p2p_proto::catalog::{Item, ListItemsRequest, ListOffersRequest, Offer, Provider};
use tonic::Status;

use super::Publisher;
use crate::beckn::lts::publish::{MOST_OFFERS, Sale};

const PAGE: u32 = 1_000;

impl Publisher {
    /// All that a provider sells now.
    ///
    /// # Errors
    /// When the catalog service does not answer.
    pub(super) async fn sale(&self, provider: &Provider) -> Result<Sale, Status> {
        let offers = self.offers(provider).await?;
        let items = self.items(&offers).await?;
        let us = &self.config.identity;
        Ok(Sale::of(provider, offers, items, (us.bpp_id.as_str(), &us.bpp_uri))?)
    }

    /// The oldest that can be bought, as many as a catalog has.
    async fn offers(&self, provider: &Provider) -> Result<Vec<Offer>, Status> {
        let (now, mut offers, mut cursor) = (self.clock.now(), Vec::new(), String::new());
        loop {
            let request = ListOffersRequest { provider_id: provider.id.clone(), page_size: PAGE, cursor };
            let page = self.services.catalog.clone().list_offers(request).await?.into_inner();
            offers.extend(page.offers.into_iter().filter(|offer| can_be_bought(offer, now)));
            cursor = page.next_cursor;
            if offers.len() > MOST_OFFERS {
                offers.truncate(MOST_OFFERS);
                tracing::info!(provider = provider.id, "only its {MOST_OFFERS} oldest offers are published");
                return Ok(offers);
            }
            if cursor.is_empty() {
                return Ok(offers);
            }
        }
    }

    /// What the offers sell.
    async fn items(&self, offers: &[Offer]) -> Result<Vec<Item>, Status> {
        let ids: BTreeSet<&str> = offers.iter().map(|offer| offer.item_id.as_str()).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids = ids.into_iter().map(ToOwned::to_owned).collect();
        let request = ListItemsRequest { ids, ..ListItemsRequest::default() };
        Ok(self.services.catalog.clone().list_items(request).await?.into_inner().items)
    }

    /// Whether a provider may ever have offered something. None of its items is ever deleted.
    pub(super) async fn has_items(&self, provider: &Provider) -> Result<bool, Status> {
        let request = ListItemsRequest {
            provider_id: provider.id.clone(),
            page_size: 1,
            ..ListItemsRequest::default()
        };
        Ok(!self.services.catalog.clone().list_items(request).await?.into_inner().items.is_empty())
    }
}

/// As the catalog's own search has it: not past, and something is left.
fn can_be_bought(offer: &Offer, now: DateTime<Utc>) -> bool {
    let window = offer.window.and_then(|window| TimeWindow::try_from(window).ok());
    offer.sellable_wh > 0 && window.is_some_and(|window| window.end() > now)
}
