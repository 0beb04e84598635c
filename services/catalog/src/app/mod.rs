//! What the catalog does: one use case a file.

pub mod get_offers;
pub mod list_order_blocks;
pub mod mark_past;
pub mod release_blocks;
pub mod reserve_blocks;
pub mod return_blocks;
pub mod search_catalog;
pub mod sell_blocks;
pub mod upsert_item;
pub mod upsert_offer;
pub mod upsert_provider;
