//! What goes over the wire: context, acknowledgement, and a folder per profile. No I/O.

mod ack;
mod context;
mod envelope;
mod error;
mod fitness;
mod number;
pub mod seed;

pub use ack::{Ack, PeerAnswer, acknowledgement, rejection};
pub use context::{Action, Context, Seller, instant};
pub use envelope::{Envelope, Invalid, is_address, names_user};
pub use error::{ErrorBody, code};
pub use fitness::unfit;
pub use number::{Number, quantity};
