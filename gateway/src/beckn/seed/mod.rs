//! The seed profile: the simplified JSON of seed.md and of the reference implementation.

pub mod ack;
pub mod callback;
pub mod catalog;
pub mod context;
pub mod heard;
pub mod order;
pub mod received;
pub mod request;

pub use ack::Ack;
