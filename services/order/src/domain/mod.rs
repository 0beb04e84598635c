//! Rules and states of orders and messages. Pure.

mod message;
mod order;
mod quote;
mod trade;

pub use message::{
    Answer, Delivery, GatewayId, InboxKey, MarkResult, Received, Refusal, Reply, TransactionKey, Verdict,
};
pub use order::{Applied, Change, Order, State, Status};
pub use quote::{Line, Listings, Offered, Quote, RequestedLine};
pub use trade::{Decision, Intent, Next, Trade};
