//! The migrators, the roles and the reset on a real PostgreSQL and a real Redis.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cache;
mod database;
mod messages;
mod migrating;
mod roles;
