//! The order service over gRPC, on real PostgreSQL, with a catalog that the tests hold in their hands.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

mod catalog;
mod claiming;
mod giving_up;
mod mailbox;
mod ordering;
mod system;
