//! What the catalog does: one use case a file.

pub mod check_stock;
pub mod get_offers;
pub mod get_reservations;
pub mod list_items;
pub mod list_offers;
pub mod list_order_blocks;
pub mod list_providers;
pub mod list_reservations;
pub mod mark_past;
pub mod release_blocks;
pub mod reserve_blocks;
pub mod return_blocks;
pub mod search_catalog;
pub mod sell_blocks;
pub mod set_item_quantity;
pub mod sync_blocks;
pub mod upsert_item;
pub mod upsert_offer;
pub mod upsert_provider;
pub mod withdraw_offer;
