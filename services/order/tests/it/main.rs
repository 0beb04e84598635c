//! The order service over gRPC, on real PostgreSQL, with a catalog that the tests hold in their hands.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

mod catalog;
mod claiming;
mod clients;
mod ending;
mod giving_up;
mod health;
mod history;
mod keys;
mod mailbox;
mod matching;
mod ordering;
mod publishing;
mod quotas;
mod signing;
mod system;
mod two_services;
