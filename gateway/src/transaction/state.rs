//! The buyer's transaction as a fold over what the buyer's side did and heard. Pure.
//!
//! A request puts its part aside as pending and becomes the newest turn. The answer to the newest turn moves the
//! part in; a refusal drops it and restores the status before. What answers an older turn can only move the
//! order part, and only forward. The same fold feeds the cache step by step and rebuilds a state from events.

mod part;
#[cfg(test)]
mod tests;

pub use part::{Edit, Part, Text};

use chrono::{DateTime, Utc};
use p2p_domain::ParticipantId;
use serde::{Deserialize, Serialize};

use crate::beckn::{Action, Context, ErrorBody, Profile, Seller};

/// How many sent requests are remembered, to know which callbacks answer us.
const MOST_SENT: usize = 32;

/// Where the buyer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// Waiting for a catalog.
    Discovering,
    /// There is a catalog to select from.
    Selecting,
    /// There is a quote, or an order is being made.
    Initializing,
    /// There is an order to confirm.
    Confirming,
    /// The order is bought.
    Active,
    /// The order is delivered.
    Completed,
    /// The order is given up.
    Cancelled,
}

impl Status {
    /// Whether it says what has become of an order.
    fn is_of_order(self) -> bool {
        matches!(self, Self::Active | Self::Completed | Self::Cancelled)
    }
}

/// What the fold decides by; small, whatever the parts hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Where the buyer stands.
    pub status: Status,
    /// When the newest discovery began.
    pub created_at: DateTime<Utc>,
    /// When something last changed.
    pub updated_at: DateTime<Utc>,
    /// What went wrong last, until something goes well.
    pub error: Option<ErrorBody>,
    /// The order.
    pub order: Option<OrderHead>,
    /// Who took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seller: Option<Seller>,
    /// The newest turn, while it is not answered.
    open: Option<Open>,
    /// The newest requests, oldest first.
    sent: Vec<Sent>,
}

impl Head {
    /// Whether the newest turn is this request, and not answered yet.
    pub fn awaits(&self, message_id: &str) -> bool {
        self.open.as_ref().is_some_and(|open| open.request.message_id == message_id)
    }

    /// Whether one of the newest requests went to this seller, who is reached there.
    pub fn has_asked(&self, bpp_id: &ParticipantId, bpp_uri: &str) -> bool {
        let is_it = |seller: &Seller| {
            let uri = seller.bpp_uri.as_deref();
            let is_there = uri.is_some_and(|uri| uri.trim_end_matches('/') == bpp_uri.trim_end_matches('/'));
            seller.bpp_id == *bpp_id && is_there
        };
        self.sent.iter().filter_map(|sent| sent.seller.as_ref()).chain(&self.seller).any(is_it)
    }
}

/// Which order, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderHead {
    /// Its id.
    pub id: String,
    /// How far it has come.
    pub progress: Progress,
}

/// How far an order has come: it only ever grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Progress {
    /// DRAFT or PENDING.
    Made,
    /// ACTIVE.
    Active,
    /// COMPLETED.
    Completed,
    /// CANCELLED.
    Cancelled,
}

impl Progress {
    /// From an order's status; anything unknown counts as just made.
    pub fn of(status: &str) -> Self {
        match status {
            "ACTIVE" => Self::Active,
            "COMPLETED" => Self::Completed,
            "CANCELLED" => Self::Cancelled,
            _ => Self::Made,
        }
    }

    fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }

    /// COMPLETED and CANCELLED do not lead to each other.
    fn leads_to(self, next: Self) -> bool {
        self == next || (!self.is_over() && self < next)
    }

    fn status(self) -> Status {
        match self {
            Self::Made => Status::Confirming,
            Self::Active => Status::Active,
            Self::Completed => Status::Completed,
            Self::Cancelled => Status::Cancelled,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    #[serde(flatten)]
    request: Sent,
    at: DateTime<Utc>,
    /// The status before; none when the request began the transaction.
    before: Option<Status>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sent {
    message_id: String,
    action: Action,
    #[serde(flatten)]
    seller: Option<Seller>,
}

/// Names a message of the buyer's side.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// context.message_id.
    pub message_id: &'a str,
    /// The action, also of a callback.
    pub action: Action,
    /// The seller's side.
    pub seller: Option<&'a ParticipantId>,
    /// Where that is reached, as the context says.
    pub seller_uri: Option<&'a str>,
    /// What it speaks.
    pub profile: Profile,
    /// When it was sent or heard.
    pub at: DateTime<Utc>,
}

impl<'a> Message<'a> {
    /// Of this context.
    pub fn of(context: &'a Context, action: Action, at: DateTime<Utc>) -> Self {
        Self {
            message_id: context.message_id.as_str(),
            action,
            seller: context.bpp_id.as_ref(),
            seller_uri: context.bpp_uri.as_deref(),
            profile: context.profile,
            at,
        }
    }
}

/// What a callback brings.
#[derive(Debug, Clone)]
pub enum Heard {
    /// A catalog, who sells in it, and how it ranks (`null` when nothing was ranked).
    Catalog {
        /// `message.catalog`.
        catalog: Text,
        /// Provider id -> provider.
        providers: Text,
        /// matchingResults.
        matching: Text,
    },
    /// A price; the buyer's state does not keep it.
    Quote,
    /// An order.
    Order {
        /// `message.order`.
        order: Text,
        /// Which, and how far.
        head: OrderHead,
    },
    /// Failure.
    Failed(ErrorBody),
}

/// What the buyer's side did or heard.
#[derive(Debug, Clone)]
pub enum Step<'a> {
    /// It sends a request that puts these parts aside.
    Request(Message<'a>, Vec<(Part, Text)>),
    /// Its request was refused, or never made: as of the request.
    Refused(&'a str, ErrorBody),
    /// It heard a callback.
    Callback(Message<'a>, Heard),
}

/// The next head and what changes in the parts; none when the step changes nothing.
pub fn step(head: Option<&Head>, step: &Step<'_>) -> Option<(Head, Vec<Edit>)> {
    match (head, step) {
        (None, Step::Request(message, parts)) => Some(begin(message, parts)),
        (Some(head), Step::Request(message, parts)) => Some(head.clone().request(message, parts)),
        (Some(head), Step::Refused(message_id, error)) => {
            let open = head.open.as_ref().filter(|open| open.request.message_id == *message_id)?;
            Some(head.clone().fail(open.before, open.at, error))
        }
        (Some(head), Step::Callback(message, heard)) => head.clone().callback(message, heard),
        (None, Step::Callback(message, heard)) => first_heard(message, heard),
        (None, Step::Refused(..)) => None,
    }
}

fn begin(message: &Message<'_>, parts: &[(Part, Text)]) -> (Head, Vec<Edit>) {
    let (mut head, edits) = Head::new(Status::Discovering, message.at).request(message, parts);
    if let Some(open) = &mut head.open {
        open.before = None;
    }
    (head, edits)
}

/// A catalog that nobody here asked for makes a transaction of its own.
fn first_heard(message: &Message<'_>, heard: &Heard) -> Option<(Head, Vec<Edit>)> {
    let Heard::Catalog { .. } = heard else { return None };
    Some((Head::new(Status::Selecting, message.at), heard.edits()))
}

impl Head {
    fn new(status: Status, at: DateTime<Utc>) -> Self {
        Self {
            status,
            created_at: at,
            updated_at: at,
            error: None,
            order: None,
            seller: None,
            open: None,
            sent: Vec::new(),
        }
    }

    fn request(mut self, message: &Message<'_>, parts: &[(Part, Text)]) -> (Self, Vec<Edit>) {
        self.updated_at = message.at;
        let request = Sent {
            message_id: message.message_id.to_owned(),
            action: message.action,
            seller: message.seller.map(|id| Seller {
                bpp_id: id.clone(),
                bpp_uri: message.seller_uri.map(str::to_owned),
                profile: message.profile,
            }),
        };
        self.sent.push(request.clone());
        if self.sent.len() > MOST_SENT {
            self.sent.remove(0);
        }
        let next = match message.action {
            // Asking how an order is takes no turn; a publication is none of the buyer's.
            Action::Status | Action::Publish => return (self, Vec::new()),
            Action::Discover => Status::Discovering,
            Action::Select => Status::Selecting,
            Action::Init => Status::Initializing,
            Action::Confirm if self.order.as_ref().is_some_and(|o| o.progress >= Progress::Active) => {
                self.status
            }
            Action::Confirm => Status::Confirming,
            // Until the seller has said so it is not given up.
            Action::Cancel => self.status,
        };
        // What an unanswered older turn put aside may have been accepted: it stays.
        let mut edits: Vec<Edit> = match self.open {
            Some(_) => Part::PENDING.map(Edit::Promote).into(),
            None => Vec::new(),
        };
        edits.extend(parts.iter().map(|(part, json)| Edit::SetPending(*part, json.clone())));
        self.open = Some(Open { request, at: message.at, before: Some(self.status) });
        self.status = next;
        self.error = None;
        (self, edits)
    }

    fn fail(mut self, before: Option<Status>, at: DateTime<Utc>, error: &ErrorBody) -> (Self, Vec<Edit>) {
        self.status = self.restored(before.unwrap_or(self.status));
        self.updated_at = at;
        self.error = Some(error.clone());
        self.open = None;
        (self, Part::PENDING.map(Edit::DropPending).into())
    }

    /// A status that was true before, brought up to what has become of the order meanwhile.
    fn restored(&self, before: Status) -> Status {
        match (before, &self.order) {
            (Status::Confirming | Status::Active | Status::Completed | Status::Cancelled, Some(order)) => {
                order.progress.status()
            }
            _ => before,
        }
    }

    fn callback(mut self, message: &Message<'_>, heard: &Heard) -> Option<(Self, Vec<Edit>)> {
        let Some(open) = self.open.take_if(|open| answers(message, open, &self.sent)) else {
            return self.order_moves(message, heard);
        };
        // What was said later may have come first: then the turn is answered, and the order stays where it is.
        let overtaken = self.order.clone().filter(|known| heard.is_before(known));
        let stands = |head: &OrderHead| overtaken.as_ref().unwrap_or(head).progress.status();
        let answered = match (message.action, heard) {
            (_, Heard::Failed(error)) => return Some(self.fail(open.before, message.at, error)),
            (Action::Discover, Heard::Catalog { .. }) => {
                self.created_at = open.at;
                Some(Status::Selecting)
            }
            (Action::Select, Heard::Quote) => Some(Status::Initializing),
            (Action::Init, Heard::Order { head, .. }) => {
                self.seller = open.request.seller;
                Some(stands(head))
            }
            (Action::Confirm | Action::Cancel, Heard::Order { head, .. }) => Some(stands(head)),
            _ => None,
        }?;
        self.status = answered;
        self.updated_at = message.at;
        self.error = None;
        let mut edits: Vec<Edit> = Part::PENDING.map(Edit::Promote).into();
        if let Heard::Catalog { .. } = heard {
            edits.extend([Edit::Clear(Part::Offer), Edit::Clear(Part::Quantity)]);
            // A live order outlives a new discovery; it is still to be paid for.
            if self.order.as_ref().is_some_and(|order| order.progress.is_over()) {
                self.order = None;
                edits.push(Edit::Clear(Part::Order));
            }
        }
        if overtaken.is_none() {
            if let Heard::Order { head, .. } = heard {
                self.order = Some(head.clone());
            }
            edits.extend(heard.edits());
        }
        Some((self, edits))
    }

    /// What does not answer the newest turn can still tell how an order of ours has moved on.
    fn order_moves(mut self, message: &Message<'_>, heard: &Heard) -> Option<(Self, Vec<Edit>)> {
        let Heard::Order { head, .. } = heard else { return None };
        let asked = self.sent.iter().any(|sent| sent.is_answered_by(message));
        let counts = match &self.order {
            Some(known) if known.id == head.id => {
                (asked || self.is_sellers_word(message)) && known.progress.leads_to(head.progress)
            }
            Some(known) => asked && message.action == Action::Init && known.progress.is_over(),
            None => asked && message.action == Action::Init,
        };
        if !counts {
            return None;
        }
        let shopping =
            self.open.as_ref().is_some_and(|o| matches!(o.request.action, Action::Discover | Action::Select));
        let of_this_order = self.order.as_ref().is_some_and(|known| known.id == head.id);
        let waits_for_it = self.status == Status::Confirming && head.progress == Progress::Active;
        let moves = of_this_order && !shopping && (waits_for_it || head.progress.is_over());
        // What was true of the order before is not of the next one.
        let was_of_another = !of_this_order && self.status.is_of_order();
        if moves || was_of_another {
            self.status = head.progress.status();
        }
        if let Some(init) = self.sent.iter().find(|s| s.message_id == message.message_id)
            && init.action == Action::Init
        {
            self.seller = init.seller.clone();
        }
        self.order = Some(head.clone());
        self.updated_at = message.at;
        Some((self, heard.edits()))
    }
}

impl Head {
    /// An unasked on_status or on_cancel counts from whom the order was asked for, and from nobody else.
    fn is_sellers_word(&self, message: &Message<'_>) -> bool {
        let about_orders = |sent: &&Sent| !matches!(sent.action, Action::Discover | Action::Select);
        matches!(message.action, Action::Status | Action::Cancel)
            && message.seller.is_some()
            && self.sent.iter().filter(about_orders).any(|sent| sent.is_to(message))
    }
}

impl Sent {
    /// By its message_id; from whom it was asked, as far as either says who that is.
    fn is_answered_by(&self, message: &Message<'_>) -> bool {
        let of_another = self.seller.is_some() && message.seller.is_some() && !self.is_to(message);
        self.message_id == message.message_id && self.action == message.action && !of_another
    }

    /// Whether it went to whom the message is from, who speaks as it was spoken to.
    fn is_to(&self, message: &Message<'_>) -> bool {
        let same_profile = self.seller.as_ref().is_none_or(|seller| seller.profile == message.profile);
        same_profile && self.seller.as_ref().map(|seller| &seller.bpp_id) == message.seller
    }
}

/// Same message_id; or, from peers that send fresh ids, same action and seller.
fn answers(message: &Message<'_>, open: &Open, sent: &[Sent]) -> bool {
    let request = &open.request;
    if request.action != message.action {
        return false;
    }
    let fresh = || sent.iter().all(|sent| sent.message_id != message.message_id);
    request.is_answered_by(message) || (request.is_to(message) && fresh())
}

impl Heard {
    /// Whether it tells of an order that has come further by now.
    fn is_before(&self, known: &OrderHead) -> bool {
        matches!(self, Self::Order { head, .. } if head.id == known.id && !known.progress.leads_to(head.progress))
    }

    fn edits(&self) -> Vec<Edit> {
        match self {
            Self::Catalog { catalog, providers, matching } => vec![
                Edit::Set(Part::Catalog, catalog.clone()),
                Edit::Set(Part::Providers, providers.clone()),
                Edit::Set(Part::Matching, matching.clone()),
            ],
            Self::Order { order, .. } => vec![Edit::Set(Part::Order, order.clone())],
            Self::Quote | Self::Failed(_) => Vec::new(),
        }
    }
}
