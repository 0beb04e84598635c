//! `/operator/*`: what only who runs the system may do.

pub mod clients;
pub mod dead_letters;
pub mod keys;
pub mod providers;

use axum::response::Response;
use serde::Serialize;

use crate::access::{Issued, shown_once};

#[derive(Serialize)]
struct Made {
    status: &'static str,
    key_id: String,
    /// The key, shown here and never again.
    key: String,
}

/// Shows a key that was made just now.
fn made(issued: &Issued) -> Response {
    shown_once(&Made { status: "ok", key_id: issued.id.to_string(), key: issued.key.expose().to_owned() })
}
