//! The catalog service as this service sees it.

use p2p_domain::{Energy, IdError, ItemId, Money, OrderId, TimeWindow};
use p2p_proto::{
    InvalidMessage,
    catalog::{
        GetOffersRequest, GetOffersResponse, Item, Offer, Provider, ReleaseBlocksRequest, Reservation,
        ReservationStatus, ReserveBlocksRequest, ReturnBlocksRequest, SellBlocksRequest, StockLine,
    },
    required,
};
use p2p_runtime::{
    failpoint,
    planted::{Bug, planted},
};
use tonic::Status;

use super::App;
use crate::{
    domain::{self, Ask, Listings, Offered, Order, RequestedLine, Stood},
    error::Error,
};

impl App {
    /// The offers that the lines name, as they are now.
    pub(super) async fn listings(&self, lines: &[RequestedLine]) -> Result<Listings, Error> {
        let mut offer_ids: Vec<String> = lines.iter().map(|line| line.offer.to_string()).collect();
        offer_ids.sort_unstable();
        offer_ids.dedup();
        let answer = self.catalog.clone().get_offers(GetOffersRequest { offer_ids }).await;
        listings(answer.map_err(failed("read offers"))?.into_inner())
    }

    pub(super) async fn ask(&self, order: &Order, ask: Ask) -> Result<Stood, Error> {
        if planted(Bug::ExpiryAlone)
            && let (Ask::Release(reason), domain::Status::Expiring) = (ask, order.state.status())
        {
            return Ok(Stood::Released(reason.to_owned()));
        }
        let reservation = match ask {
            Ask::Reserve => self.reserve(order).await?,
            Ask::Sell => self.sell(order.id).await?,
            Ask::Release(reason) => self.release(order.id, reason).await?,
            Ask::Return => self.take_back(order.id).await?,
        };
        let status = reservation.status();
        Ok(match status {
            ReservationStatus::Held => Stood::Held,
            ReservationStatus::Sold => Stood::Sold,
            ReservationStatus::Returned => Stood::Returned,
            ReservationStatus::Released => Stood::Released(reservation.reason),
            ReservationStatus::Refused => Stood::Refused(reservation.reason),
            ReservationStatus::Unspecified => {
                return Err(Error::impossible(
                    "reservations",
                    order.id,
                    format!("is {}", status.as_str_name()),
                ));
            }
        })
    }

    async fn reserve(&self, order: &Order) -> Result<Reservation, Error> {
        let lines = order.quote.lines.iter();
        let lines = lines.map(|l| StockLine { offer_id: l.offer.to_string(), quantity_wh: l.quantity.wh() });
        let request = ReserveBlocksRequest {
            order_id: order.id.to_string(),
            transaction_id: order.scope.transaction.to_string(),
            lines: lines.collect(),
        };
        let answer = self.catalog.clone().reserve_blocks(request).await.map_err(failed("reserve blocks"))?;
        failpoint!("order.reserve.answered");
        Ok(required(answer.into_inner().reservation, "reservation")?)
    }

    pub(super) async fn sell(&self, order: OrderId) -> Result<Reservation, Error> {
        let request = SellBlocksRequest { order_id: order.to_string() };
        let answer = self.catalog.clone().sell_blocks(request).await.map_err(failed("sell blocks"))?;
        failpoint!("order.sell.answered");
        Ok(required(answer.into_inner().reservation, "reservation")?)
    }

    pub(super) async fn release(&self, order: OrderId, reason: &str) -> Result<Reservation, Error> {
        let request = ReleaseBlocksRequest { order_id: order.to_string(), reason: reason.to_owned() };
        let answer = self.catalog.clone().release_blocks(request).await.map_err(failed("release blocks"))?;
        failpoint!("order.release.answered");
        Ok(required(answer.into_inner().reservation, "reservation")?)
    }

    pub(super) async fn take_back(&self, order: OrderId) -> Result<Reservation, Error> {
        let request = ReturnBlocksRequest { order_id: order.to_string() };
        let answer = self.catalog.clone().return_blocks(request).await.map_err(failed("return blocks"))?;
        failpoint!("order.return.answered");
        Ok(required(answer.into_inner().reservation, "reservation")?)
    }
}

pub(super) fn failed(operation: &'static str) -> impl Fn(Status) -> Error {
    move |status| Error::Catalog { operation, source: Box::new(status) }
}

fn listings(answer: GetOffersResponse) -> Result<Listings, Error> {
    let GetOffersResponse { offers, items, providers } = answer;
    // What is withdrawn is as good as unknown.
    let offers = offers.into_iter().filter(|offer| !offer.withdrawn);
    offers.map(|offer| Ok((id(&offer.id)?, offered(offer, &items, &providers)?))).collect()
}

fn offered(offer: Offer, items: &[Item], providers: &[Provider]) -> Result<Offered, Error> {
    let item: ItemId = id(&offer.item_id)?;
    let stock = items.iter().find(|i| i.id == offer.item_id).map(|i| i.available_wh);
    let provider = required(providers.iter().find(|p| p.id == offer.provider_id), "provider")?;
    Ok(Offered {
        item,
        provider: id(&offer.provider_id)?,
        provider_name: provider.name.clone(),
        elsewhere: Some(provider.bpp_uri.clone()).filter(|uri| !uri.is_empty()),
        price_per_kwh: Money::try_from(required(offer.price_per_kwh, "price_per_kwh")?)?,
        block: energy(offer.block_wh)?,
        available: energy(offer.available_wh)?,
        item_available: energy(required(stock, "item")?)?,
        window: TimeWindow::try_from(required(offer.window, "window")?)?,
    })
}

fn id<T: std::str::FromStr<Err = IdError>>(text: &str) -> Result<T, InvalidMessage> {
    Ok(text.parse()?)
}

fn energy(wh: i64) -> Result<Energy, InvalidMessage> {
    Ok(Energy::from_wh(wh)?)
}
