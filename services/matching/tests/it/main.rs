//! The service on a real PostgreSQL, over real gRPC.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod decisions;
mod outcomes;
mod ranking;
mod running;
mod server;
mod trust;
