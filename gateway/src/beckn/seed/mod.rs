//! The seed profile: the simplified JSON of seed.md and of the reference implementation.

pub mod catalog;
pub mod filter;
pub mod order;
pub mod received;
pub mod request;
