//! Rules and states of orders and messages. Pure.

mod follow;
mod history;
mod key;
mod ledger;
mod message;
mod order;
mod quote;
mod trade;

pub use follow::{Ask, Conclusion, Followed, Stood, Unexpected, follow};
pub use history::{Arrival, History, Said, Sent, Work, about};
pub use key::{Key, KeyKind, MOST_KEYS, NewKey};
pub use ledger::{Discrepancy, Repair, Reservation, Reserved, compare};
pub use message::{
    Answer, Delivery, GatewayId, InboxKey, MarkResult, Received, Refusal, Reply, TransactionKey, Unsolicited,
    Verdict, is_callback, request_of,
};
pub use order::{Applied, Cancellation, Change, Order, Outcome, Party, State, Status};
pub use quote::{Line, Listings, Offered, Quote, RequestedLine};
pub use trade::{Decision, Deed, Intent, Next, Room, Trade, Undone};
