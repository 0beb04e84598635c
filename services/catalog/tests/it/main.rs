//! The catalog over gRPC, on a real PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod blocks;
mod drain;
mod fsck;
mod health;
mod lists;
mod model;
mod offers;
mod published;
mod quotas;
mod races;
mod reservations;
mod search;
mod search_at_size;
mod sellers;
mod service;
mod stock;
mod sync;
mod view;
