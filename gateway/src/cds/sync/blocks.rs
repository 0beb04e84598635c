//! `POST /sync/blocks`.

use std::collections::BTreeSet;

use axum::{extract::State, response::Response};
use p2p_domain::OfferId;
use p2p_proto::catalog::{BlockStatus, SyncBlocksRequest};
use serde::Serialize;

use crate::{
    app::App,
    fields::Fields,
    reply::{ApiError, JsonBody, json},
};

const REQUIRED: &str = "offer_id, block_ids, and status are required";
/// Most blocks at once.
const MOST: usize = 10_000;

#[derive(Serialize)]
struct Synced {
    status: &'static str,
    synced: &'static str,
    count: usize,
}

/// Notes what blocks of a synced offer are used for.
pub async fn sync(State(app): State<App>, JsonBody(fields): JsonBody<Fields>) -> Result<Response, ApiError> {
    let missing = || ApiError::bad_request(REQUIRED);
    let offer: OfferId = fields.id("offer_id")?.ok_or_else(missing)?;
    let ids = fields.texts("block_ids", MOST)?.ok_or_else(missing)?;
    let status = fields.word("status")?.ok_or_else(missing)?;
    let blocks = ids.iter().map(|id| number(&offer, id)).collect::<Result<BTreeSet<_>, _>>()?;
    let request = SyncBlocksRequest {
        offer_id: offer.into(),
        blocks: blocks.into_iter().collect(),
        status: block_status(&status)?.into(),
    };
    app.services.catalog.clone().sync_blocks(request).await?;
    Ok(json(&Synced { status: "ok", synced: "blocks", count: ids.len() }))
}

fn block_status(word: &str) -> Result<BlockStatus, ApiError> {
    match word {
        "AVAILABLE" => Ok(BlockStatus::Available),
        "RESERVED" => Ok(BlockStatus::Reserved),
        "SOLD" => Ok(BlockStatus::Sold),
        _ => Err(ApiError::bad_request("status must be AVAILABLE, RESERVED or SOLD")),
    }
}

/// The number in `block-{offer_id}-{number}`.
fn number(offer: &OfferId, id: &str) -> Result<i64, ApiError> {
    let written = || id.strip_prefix("block-")?.strip_prefix(offer.as_str())?.strip_prefix('-');
    let number = written().and_then(|digits| {
        let number: i64 = digits.parse().ok()?;
        // As we write it: no sign, no leading zeros.
        (number >= 0 && number.to_string() == digits).then_some(number)
    });
    number.ok_or_else(|| {
        ApiError::bad_request(format!("block_ids must be of the form block-{offer}-N, N from 0"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_named_by_its_offer_and_number() {
        let offer = OfferId::parse("o-1").unwrap();
        assert_eq!(number(&offer, "block-o-1-0").unwrap(), 0);
        assert_eq!(number(&offer, "block-o-1-12").unwrap(), 12);
        for bad in ["block-o-1-", "block-o-1--1", "block-o-1-01", "block-o-1-+1", "block-o-2-0", "o-1-0", ""]
        {
            assert!(number(&offer, bad).is_err(), "{bad}");
        }
    }
}
