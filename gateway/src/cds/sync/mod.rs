//! The CDS's sync: what other BPPs publish. All of it may be sent again, and changes nothing then. Of what is known
//! already only what is given changes.

mod blocks;
mod item;
mod offer;
mod provider;

pub use blocks::sync as blocks;
pub use item::sync as item;
pub use offer::{sync as offer, withdraw as withdraw_offer};
pub use provider::sync as provider;

use axum::response::Response;
use serde::Serialize;

use crate::reply::json;

#[derive(Serialize)]
struct Synced {
    status: &'static str,
    synced: &'static str,
    id: String,
}

/// Says what is synced.
fn synced(what: &'static str, id: String) -> Response {
    json(&Synced { status: "ok", synced: what, id })
}
