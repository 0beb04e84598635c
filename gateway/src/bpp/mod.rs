//! The seller's side: what select, init, confirm, status and cancel ask for. (Discover is the CDS's.)

use axum::response::Response;
use p2p_proto::{
    InvalidMessage,
    order::{self as proto, GetOrderRequest, QuoteOrderRequest, RequestedLine, quote_order_response},
};
use tonic::{Code, Status};

use crate::{
    app::App,
    beckn::{
        Action, Envelope, ErrorBody, Invalid, code, quantity,
        seed::{
            order::{Fulfillment, Message, Order, QuotedOrder},
            request,
        },
    },
    cds,
    exchange::Exchange,
    metrics,
    services::broken,
};

/// What an action comes to, before anything is committed.
pub enum Plan {
    /// NACK.
    Refuse(ErrorBody),
    /// Nothing changes hands: this is the callback.
    Answer(Box<Reading>),
    /// An order is to be made.
    Init(Wish),
    /// An order is to be bought.
    Confirm(String),
    /// An order is to be given up.
    Cancel(request::Cancel),
}

/// What an init asks for.
pub struct Wish {
    pub lines: Vec<RequestedLine>,
    /// Who the buyer says sells; empty when it does not say.
    pub provider_id: String,
}

/// What was read to answer an action.
pub struct Reading {
    /// The provider, to be named as the callback's seller.
    pub seller: Option<String>,
    /// What the callback says.
    pub message: Message,
    /// What select quoted.
    pub quote: Option<proto::Quote>,
}

/// What a callback says.
pub enum Said {
    /// What was asked for.
    Message(Box<Reading>),
    /// What went wrong.
    Error(ErrorBody),
}

/// Why there is no plan.
pub enum Failed {
    /// The message cannot be read.
    Invalid(Invalid),
    /// A service did not answer.
    Service(Status),
}

impl From<Invalid> for Failed {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<Status> for Failed {
    fn from(status: Status) -> Self {
        Self::Service(status)
    }
}

impl From<InvalidMessage> for Failed {
    fn from(invalid: InvalidMessage) -> Self {
        Self::Service(broken(invalid))
    }
}

/// Accepts an action.
pub async fn accept(app: App, action: Action, body: String) -> Response {
    metrics::accepting(action, app.exchange.accept(action, body)).await
}

/// Reads what an action asks for, and what there is to say to it.
///
/// # Errors
/// When the message cannot be read or a service does not answer.
pub async fn plan(exchange: &Exchange, action: Action, envelope: &Envelope<'_>) -> Result<Plan, Failed> {
    match action {
        Action::Discover => cds::discover(exchange, envelope).await,
        Action::Select => select(exchange, envelope).await,
        Action::Init => {
            let message: request::Init<'_> = envelope.message()?;
            let provider_id = message.order.provider.map(|provider| provider.id.into()).unwrap_or_default();
            Ok(match lines(&message.order.items) {
                Ok(lines) => Plan::Init(Wish { lines, provider_id }),
                Err(refusal) => Plan::Refuse(refusal),
            })
        }
        Action::Confirm => {
            let message: request::Confirm = envelope.message()?;
            Ok(Plan::Confirm(message.order.id))
        }
        Action::Status => status(exchange, envelope).await,
        Action::Cancel => {
            let message: request::Cancel = envelope.message()?;
            Ok(match message.unfit() {
                Some(why) => Plan::Refuse(ErrorBody::new(code::INVALID, why)),
                None => Plan::Cancel(message),
            })
        }
    }
}

/// The order that a confirm is about, if it is one and can be read.
pub fn confirmed(action: Action, body: &str) -> Option<String> {
    let envelope = Envelope::read(body, action.as_str()).ok().filter(|_| action == Action::Confirm)?;
    Some(envelope.message::<request::Confirm>().ok()?.order.id)
}

/// The lines of a select or init: each quantity a positive whole number of kWh.
fn lines(items: &[request::Line<'_>]) -> Result<Vec<RequestedLine>, ErrorBody> {
    if items.is_empty() {
        return Err(ErrorBody::new(code::INVALID, "at least one order item is required"));
    }
    let line = |item: &request::Line<'_>| {
        let quantity = quantity(item.quantity).map_err(|why| ErrorBody::new(code::INVALID, why))?;
        Ok(RequestedLine {
            item_id: item.item_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            offer_id: item.offer_id.to_string(),
            quantity_wh: quantity.wh(),
        })
    };
    items.iter().map(line).collect()
}

async fn select(exchange: &Exchange, envelope: &Envelope<'_>) -> Result<Plan, Failed> {
    let message: request::Select<'_> = envelope.message()?;
    let lines = match lines(&message.items) {
        Ok(lines) => lines,
        Err(refusal) => return Ok(Plan::Refuse(refusal)),
    };
    let answer = exchange.services.orders.clone().quote_order(QuoteOrderRequest { lines }).await?;
    match answer.into_inner().answer {
        Some(quote_order_response::Answer::Quote(quote)) => Ok(Plan::Answer(Box::new(Reading {
            seller: Some(quote.provider_id.clone()),
            message: Message::Quoted { order: QuotedOrder::of(&quote)? },
            quote: Some(quote),
        }))),
        Some(quote_order_response::Answer::Refusal(refusal)) => {
            Ok(Plan::Refuse(ErrorBody::new(&refusal.code, refusal.message)))
        }
        None => Err(Status::internal("QuoteOrder without an answer").into()),
    }
}

async fn status(exchange: &Exchange, envelope: &Envelope<'_>) -> Result<Plan, Failed> {
    let message: request::Status = envelope.message()?;
    let request = GetOrderRequest {
        bap_id: envelope.context.bap_id.to_string(),
        transaction_id: envelope.context.transaction_id.to_string(),
        order_id: message.order_id,
    };
    let order = match exchange.services.orders.clone().get_order(request).await {
        Ok(found) => found.into_inner().order.ok_or_else(|| Status::internal("GetOrder without an order"))?,
        Err(status) if status.code() == Code::NotFound => {
            return Ok(Plan::Refuse(ErrorBody::new(code::ORDER_NOT_FOUND, "Order not found")));
        }
        Err(status) => return Err(status.into()),
    };
    Ok(Plan::Answer(Box::new(Reading::status(order)?)))
}

impl Reading {
    /// An order, for on_init, on_confirm and on_cancel.
    ///
    /// # Errors
    /// When the message is not what it should be.
    pub fn order(order: proto::Order) -> Result<Self, InvalidMessage> {
        let seller = order.quote.as_ref().map(|quote| quote.provider_id.clone());
        Ok(Self { seller, message: Message::Order { order: Box::new(Order::of(order)?) }, quote: None })
    }

    /// An order and how its delivery goes, for on_status.
    ///
    /// # Errors
    /// When the message is not what it should be.
    pub fn status(order: proto::Order) -> Result<Self, InvalidMessage> {
        let seller = order.quote.as_ref().map(|quote| quote.provider_id.clone());
        let fulfillment = Fulfillment::of(&order);
        let message = Message::Status { order: Box::new(Order::of(order)?), fulfillment };
        Ok(Self { seller, message, quote: None })
    }
}

impl From<ErrorBody> for proto::Refusal {
    fn from(error: ErrorBody) -> Self {
        Self { code: error.code, message: error.message }
    }
}
