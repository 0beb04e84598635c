//! What the callbacks say of orders.

use p2p_domain::{Energy, Money};
use p2p_proto::{
    InvalidMessage,
    order::{self as proto, OrderStatus},
    required, utc,
};
use serde::Serialize;
use uuid::Uuid;

use super::catalog::{Descriptor, Price, Window, window};
use crate::beckn::{Number, instant};

/// `order` of on_select.
#[derive(Debug, Serialize)]
pub struct QuotedOrder {
    id: Uuid,
    items: Vec<QuotedItem>,
    quote: Quote,
    provider: QuotedProvider,
}

#[derive(Debug, Serialize)]
struct QuotedItem {
    item_id: String,
    offer_id: String,
    quantity: Number,
}

#[derive(Debug, Serialize)]
struct Quote {
    price: Price,
    #[serde(rename = "totalQuantity")]
    total_quantity: Number,
}

#[derive(Debug, Serialize)]
struct QuotedProvider {
    id: String,
    descriptor: Descriptor,
}

impl QuotedOrder {
    /// A quote as on_select shows it.
    ///
    /// # Errors
    /// When the message is not what it should be.
    pub fn of(quote: &proto::Quote) -> Result<Self, InvalidMessage> {
        let items = quote.lines.iter().map(|line| {
            Ok(QuotedItem {
                item_id: line.item_id.clone(),
                offer_id: line.offer_id.clone(),
                quantity: Energy::from_wh(line.quantity_wh)?.into(),
            })
        });
        let descriptor = Descriptor { name: quote.provider_name.clone() };
        Ok(Self {
            id: Uuid::new_v4(),
            items: items.collect::<Result<_, InvalidMessage>>()?,
            quote: Quote::of(quote)?,
            provider: QuotedProvider { id: quote.provider_id.clone(), descriptor },
        })
    }
}

impl Quote {
    fn of(quote: &proto::Quote) -> Result<Self, InvalidMessage> {
        let total = Money::try_from(required(quote.total.clone(), "quote.total")?)?;
        Ok(Self { price: total.into(), total_quantity: Energy::from_wh(quote.total_wh)?.into() })
    }
}

/// `order` of on_init, on_confirm and on_status.
#[derive(Debug, Serialize)]
pub struct Order {
    id: String,
    transaction_id: String,
    status: &'static str,
    items: Vec<Item>,
    quote: Quote,
    created_at: String,
    updated_at: String,
}

#[derive(Debug, Serialize)]
struct Item {
    item_id: String,
    offer_id: String,
    provider_id: String,
    quantity: Number,
    price: Price,
    #[serde(rename = "timeWindow")]
    window: Window,
}

impl Order {
    /// An order as the profile shows it.
    ///
    /// # Errors
    /// When the message is not what it should be.
    pub fn of(order: proto::Order) -> Result<Self, InvalidMessage> {
        let status = status(order.status());
        let quote = required(order.quote, "order.quote")?;
        let items = quote.lines.iter().map(|line| {
            Ok(Item {
                item_id: line.item_id.clone(),
                offer_id: line.offer_id.clone(),
                provider_id: line.provider_id.clone(),
                quantity: Energy::from_wh(line.quantity_wh)?.into(),
                price: Money::try_from(required(line.price.clone(), "line.price")?)?.into(),
                window: window(line.window)?,
            })
        });
        Ok(Self {
            id: order.id,
            transaction_id: order.transaction_id,
            status,
            items: items.collect::<Result<_, InvalidMessage>>()?,
            quote: Quote::of(&quote)?,
            created_at: instant(utc(required(order.created_at, "order.created_at")?)?),
            updated_at: instant(utc(required(order.updated_at, "order.updated_at")?)?),
        })
    }
}

fn status(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Draft | OrderStatus::Unspecified => "DRAFT",
        OrderStatus::Pending => "PENDING",
        OrderStatus::Active => "ACTIVE",
        OrderStatus::Completed => "COMPLETED",
        OrderStatus::Cancelled => "CANCELLED",
    }
}

/// `fulfillment` of on_status.
#[derive(Debug, Serialize)]
pub struct Fulfillment {
    id: Uuid,
    #[serde(rename = "type")]
    kind: &'static str,
    state: FulfillmentState,
}

#[derive(Debug, Serialize)]
struct FulfillmentState {
    descriptor: FulfillmentDescriptor,
}

#[derive(Debug, Serialize)]
struct FulfillmentDescriptor {
    code: &'static str,
    name: &'static str,
}

impl Fulfillment {
    /// How the delivery of an order goes: nothing is metered yet, so it follows from the order's status.
    pub fn of(order: &proto::Order) -> Self {
        let (code, name) = match order.status() {
            OrderStatus::Unspecified | OrderStatus::Draft | OrderStatus::Pending => {
                ("PENDING", "Awaiting confirmation")
            }
            OrderStatus::Active => ("IN_PROGRESS", "Energy delivery in progress"),
            OrderStatus::Completed => ("COMPLETED", "Energy delivery completed"),
            OrderStatus::Cancelled => ("CANCELLED", "Order cancelled"),
        };
        let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, order.id.as_bytes());
        let state = FulfillmentState { descriptor: FulfillmentDescriptor { code, name } };
        Self { id, kind: "ENERGY_DELIVERY", state }
    }
}
