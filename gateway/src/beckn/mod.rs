//! What goes over the wire: context, acknowledgement, and a folder per profile. No I/O.

mod ack;
mod context;
mod depth;
mod envelope;
mod error;
mod number;
pub mod seed;

pub use ack::{Ack, PeerAnswer, acknowledgement};
pub use context::{Action, Context, instant};
pub use depth::is_too_deep;
pub use envelope::{Envelope, Invalid};
pub use error::{ErrorBody, code};
pub use number::{Number, quantity};
