//! The seller's side: what select, init, confirm, status and cancel ask for. (Discover and publish are the CDS's.)

mod lines;

use axum::response::Response;
use p2p_domain::{Energy, Money};
use p2p_proto::{
    InvalidMessage,
    order::{self as proto, GetOrderRequest, QuoteOrderRequest, RequestedLine, quote_order_response},
    required,
};
use tonic::{Code, Status};

use crate::{
    app::App,
    beckn::{
        self, Action, Asked, AskedLine, Confirmed, Context, Envelope, ErrorBody, Fault, Invalid, Profile,
        Said, code, lts::published::base, lts_code, seed_code,
    },
    cds,
    exchange::Exchange,
    metrics,
    reply::{Message, rejected, reply, status_of_fault},
    services::broken,
    signed::Side,
};

/// Most characters of a CDS's words that are logged.
const MOST_LOGGED: usize = 1_000;

/// How often an action has been looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// It has just come in.
    First,
    /// It was accepted before: what was judged then is not judged again.
    Again,
}

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
    /// An order is to be given up, and why.
    Cancel(String, String),
}

/// What an init asks for.
pub struct Wish {
    pub lines: Vec<RequestedLine>,
    /// Who the buyer says sells; empty when it does not say.
    pub provider_id: String,
}

/// What was read to answer an action.
pub struct Reading {
    /// What the callback says.
    pub said: Said,
    /// What select quoted.
    pub quote: Option<proto::Quote>,
}

impl Reading {
    /// What is said, and no more.
    pub fn of(said: Said) -> Self {
        Self { said, quote: None }
    }
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
pub async fn accept(app: App, action: Action, message: Message) -> Response {
    metrics::accepting(action, app.exchange.accept(action, message)).await
}

/// Hears what a CDS says of a catalog that we published. It is for the log: what is not in the index is published again
/// (see `seller::publish`), so nothing is lost when nobody can tell any more what it answers.
pub async fn on_publish(app: &App, message: Message) -> Response {
    let Message { body, presented } = message;
    let request = match app.signatures.answers_a_request(&presented) {
        true => app.publisher.signature_of(&body),
        false => None,
    };
    let untold = app.signatures.answers_a_request(&presented) && request.is_none();
    if !untold
        && let Err(fault) = app.signatures.verify(&presented, body.as_bytes(), request.as_deref()).await
    {
        return refused(app, &Invalid::unread(&body, fault));
    }
    match Envelope::read(&body, Action::Publish.callback()) {
        Ok(envelope) => {
            let said: String =
                envelope.message.map_or("", |said| said.get()).chars().take(MOST_LOGGED).collect();
            tracing::info!(message_id = %envelope.context.message_id, said, untold, "what became of a published catalog");
            reply(beckn::heard(&envelope.context))
        }
        Err(invalid) => refused(app, &invalid),
    }
}

/// Answers an action that is not built: so that its sender waits for no callback.
pub fn not_built(app: &App, word: &str, message: &Message) -> Response {
    let invalid = match Envelope::read(&message.body, word) {
        Err(invalid) => invalid,
        Ok(envelope) => {
            let why = format!("{word} is not done here");
            envelope.invalid(Fault::new(lts_code::NET_NOT_IMPLEMENTED, why))
        }
    };
    refused(app, &invalid)
}

fn refused(app: &App, invalid: &Invalid) -> Response {
    let status = status_of_fault(&invalid.fault);
    let answer = rejected(invalid, status, seed_code(&invalid.fault), app.clock.now());
    app.signatures.challenge(Side::Bpp, &invalid.fault, answer)
}

/// Reads what an action asks for, and what there is to say to it.
///
/// # Errors
/// When the message cannot be read or a service does not answer.
pub async fn plan(
    exchange: &Exchange,
    action: Action,
    envelope: &Envelope<'_>,
    look: Look,
) -> Result<Plan, Failed> {
    let asked = match beckn::read(action, envelope)? {
        Ok(asked) => asked,
        Err(refusal) => return Ok(Plan::Refuse(refusal)),
    };
    let context = &envelope.context;
    match asked {
        Asked::Discover(search) => cds::discover(exchange, context.profile, search).await,
        Asked::Publish(publications) => cds::publish::take(exchange, context, publications).await,
        Asked::Select(lines) => select(exchange, context.profile, lines).await,
        Asked::Init { lines, provider_id } => {
            let resolved = lines::resolved(exchange, context.profile, lines).await?;
            // Whether there is so much is decided where it is held: here this very order may hold it already.
            let refusal =
                resolved.unknown().or_else(|| resolved.at_another_time().filter(|_| look == Look::First));
            Ok(match refusal {
                Some(refusal) => Plan::Refuse(refusal),
                None => Plan::Init(Wish { lines: resolved.lines, provider_id }),
            })
        }
        Asked::Confirm { order_id, told } => {
            if context.profile == Profile::Seed {
                return Ok(Plan::Confirm(order_id));
            }
            Ok(match order(exchange, context, order_id).await? {
                Ok(order) => match differs(&order, &told)? {
                    Some(refusal) => Plan::Refuse(refusal),
                    None => Plan::Confirm(order.id),
                },
                Err(refusal) => Plan::Refuse(refusal),
            })
        }
        Asked::Status { order_id } => Ok(match order(exchange, context, order_id).await? {
            Ok(order) => Plan::Answer(Box::new(Reading::of(Said::Status(Box::new(order))))),
            Err(refusal) => Plan::Refuse(refusal),
        }),
        Asked::Cancel { order_id, reason } if context.profile == Profile::Seed => {
            Ok(Plan::Cancel(order_id, reason))
        }
        Asked::Cancel { order_id, reason } => Ok(match order(exchange, context, order_id).await? {
            Ok(order) => Plan::Cancel(order.id, reason),
            Err(refusal) => Plan::Refuse(refusal),
        }),
    }
}

/// The order that a confirm is about, if it is one and can be read.
///
/// # Errors
/// When the order service does not answer.
pub async fn confirmed(exchange: &Exchange, action: Action, body: &str) -> Result<Option<String>, Status> {
    let Ok(envelope) = Envelope::read(body, action.as_str()) else { return Ok(None) };
    let Ok(Ok(Asked::Confirm { order_id, .. })) = beckn::read(action, &envelope) else { return Ok(None) };
    if !order_id.is_empty() {
        return Ok(Some(order_id));
    }
    match order(exchange, &envelope.context, order_id).await {
        Ok(found) => Ok(found.ok().map(|order| order.id)),
        Err(Failed::Service(status)) => Err(status),
        Err(Failed::Invalid(_)) => Ok(None),
    }
}

async fn select(exchange: &Exchange, profile: Profile, lines: Vec<AskedLine>) -> Result<Plan, Failed> {
    let resolved = lines::resolved(exchange, profile, lines).await?;
    if let Some(refusal) =
        resolved.unknown().or_else(|| resolved.at_another_time()).or_else(|| resolved.shortage())
    {
        return Ok(Plan::Refuse(refusal));
    }
    let request = QuoteOrderRequest { lines: resolved.lines };
    let answer = exchange.services.orders.clone().quote_order(request).await?;
    match answer.into_inner().answer {
        Some(quote_order_response::Answer::Quote(quote)) => Ok(Plan::Answer(Box::new(Reading {
            said: Said::Quoted(Box::new(quote.clone()), resolved.available),
            quote: Some(quote),
        }))),
        Some(quote_order_response::Answer::Refusal(refusal)) => {
            Ok(Plan::Refuse(ErrorBody::new(&refusal.code, refusal.message)))
        }
        None => Err(Status::internal("QuoteOrder without an answer").into()),
    }
}

/// Why a confirm is not of this order as it was made: it costs more than the buyer says, is not in that money, or is not for
/// so much, of that, or then.
fn differs(order: &proto::Order, told: &Confirmed) -> Result<Option<ErrorBody>, InvalidMessage> {
    let quote = required(order.quote.as_ref(), "order.quote")?;
    let costs = Money::try_from(required(quote.total.clone(), "quote.total")?)?;
    let total = Energy::from_wh(quote.total_wh)?;
    let fits = |said: &&Money| said.currency() == costs.currency() && said.amount() >= costs.amount();
    let is_of_it = |offer: &&String| {
        quote.lines.iter().any(|line| line.offer_id == **offer || base(&line.offer_id).0 == **offer)
    };
    let why = if let Some(said) = told.prices.iter().find(|said| !fits(said)) {
        format!("the contract costs {costs}, and the confirm says {said}")
    } else if let Some(said) = told.quantity.filter(|said| *said != total) {
        format!("the contract is for {total} kWh, and the confirm says {said} kWh")
    } else if let Some(other) = told.offers.iter().find(|offer| !is_of_it(offer)) {
        format!("the contract is not about offer {other:.255}")
    } else if let Some(line) = quote.lines.iter().find(|line| lines::is_at_another_time(line, &told.parts)) {
        format!("the confirm says other times or quantities than the contract for {}", line.offer_id)
    } else {
        return Ok(None);
    };
    Ok(Some(ErrorBody::new(lts_code::BIZ_PRICE_MISMATCH, why)))
}

/// An order of the trade: in the LTS profile the newest when none is named.
async fn order(
    exchange: &Exchange,
    context: &Context,
    order_id: String,
) -> Result<Result<proto::Order, ErrorBody>, Failed> {
    let unknown = || ErrorBody::new(code::ORDER_NOT_FOUND, "Order not found");
    if order_id.is_empty() && context.profile == Profile::Seed {
        return Ok(Err(unknown()));
    }
    let request = GetOrderRequest {
        bap_id: context.bap_id.to_string(),
        transaction_id: context.transaction_id.to_string(),
        order_id,
    };
    match exchange.services.orders.clone().get_order(request).await {
        Ok(found) => {
            let order = found.into_inner().order;
            Ok(Ok(order.ok_or_else(|| Status::internal("GetOrder without an order"))?))
        }
        Err(status) if status.code() == Code::NotFound => Ok(Err(unknown())),
        Err(status) => Err(status.into()),
    }
}

impl From<ErrorBody> for proto::Refusal {
    fn from(error: ErrorBody) -> Self {
        Self { code: error.code, message: error.message }
    }
}
