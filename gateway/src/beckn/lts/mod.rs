//! The profile of the live network: Beckn v2.0.0 LTS with the energy payloads of the P2P trading network
//! (beckn-network.md §1, §2, §6). Lenient in what is read; what is written validates against the protocol's schema.

mod attributes;
pub mod callback;
pub mod catalog;
pub mod context;
mod contract;
mod draft;
pub mod error;
pub mod heard;
pub mod kept;
pub mod publish;
pub mod published;
pub mod reply;
pub mod request;
mod schema;
mod series;
#[cfg(test)]
mod tests;
pub mod wanted;
