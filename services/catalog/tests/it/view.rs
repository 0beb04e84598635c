//! `offer_blocks`, as the seed has it.

use crate::service::{Catalog, offer, order};

#[tokio::test]
async fn offer_blocks_has_the_seeds_columns_in_its_order() {
    let catalog = Catalog::start().await;
    let columns = catalog
        .rows(
            "SELECT string_agg(column_name, ', ' ORDER BY ordinal_position) FROM information_schema.columns
             WHERE table_schema = 'catalog' AND table_name = 'offer_blocks'",
        )
        .await;
    let seed = "id, offer_id, item_id, provider_id, status, order_id, transaction_id, price_value, currency, \
                created_at, reserved_at, sold_at";
    assert_eq!(columns, [format!("(\"{seed}\")")]);
}

#[tokio::test]
async fn offer_blocks_shows_each_block_once_with_its_order() {
    let catalog = Catalog::with_item(10).await;
    catalog.offer(offer("o", 3)).await.unwrap();
    let (held, sold) = (order(), order());
    catalog.reserve(sold, &[("o", 1_000)]).await.unwrap();
    catalog.sell(sold).await.unwrap();
    catalog.reserve(held, &[("o", 1_000)]).await.unwrap();
    let blocks = catalog
        .rows(
            "SELECT id, offer_id, item_id, provider_id, status, order_id, transaction_id, price_value, currency,
                    reserved_at IS NOT NULL AS reserved, sold_at IS NOT NULL AS sold
             FROM offer_blocks ORDER BY id",
        )
        .await;
    assert_eq!(
        blocks,
        [
            "(block-o-0,o,i,p,AVAILABLE,,,0.100000,USD,f,f)".to_owned(),
            format!("(block-o-1,o,i,p,RESERVED,{held},txn-{held},0.100000,USD,t,f)"),
            format!("(block-o-2,o,i,p,SOLD,{sold},txn-{sold},0.100000,USD,t,t)"),
        ]
    );
}
