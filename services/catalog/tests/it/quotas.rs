//! How many items and offers one provider may have.

use std::num::NonZeroU32;

use futures::future::join_all;
use p2p_catalog::Quotas;
use p2p_proto::{
    catalog::{Item, Offer, Origin},
    metadata,
};
use tonic::{Code, Status};

use crate::service::{Catalog, hours, item, offer, reason};

async fn with(items: u32, offers: u32) -> Catalog {
    let quotas = Quotas { items: NonZeroU32::new(items), offers: NonZeroU32::new(offers) };
    let catalog = Catalog::within(p2p_testkit::database().await.unwrap(), quotas).await;
    catalog.provider("p").await.unwrap();
    catalog
}

fn exceeded<T: std::fmt::Debug>(answers: Vec<Result<T, Status>>) -> usize {
    let refused = answers.into_iter().filter(Result::is_err).map(reason);
    refused.inspect(|reason| assert_eq!(reason, "QUOTA_EXCEEDED")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_items_made_at_once_over_two_catalogs_a_provider_has_as_many_as_it_may() {
    let catalog = with(10, 0).await;
    let beside = catalog.beside().await;
    catalog.provider("q").await.unwrap();
    let ids: Vec<String> = (0..50).map(|n| format!("i-{n}")).collect();
    let made = ids.iter().enumerate().map(|(n, id)| {
        let catalog = if n % 2 == 0 { &catalog } else { &beside };
        catalog.item(item(id, "p", 10))
    });
    let (made, anothers) = tokio::join!(join_all(made), catalog.item(item("of-q", "q", 10)));
    anothers.unwrap();
    let there = ids.iter().zip(&made).find(|(_, made)| made.is_ok()).unwrap().0.clone();
    assert_eq!(exceeded(made), 40);
    let refused = catalog.item(item("new", "p", 10)).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        (Code::ResourceExhausted, "provider p may have at most 10 items")
    );
    assert_eq!(metadata(&refused, "provider_id").as_deref(), Some("p"));
    assert_eq!(catalog.item(item(&there, "p", 20)).await.unwrap().total_wh, 20_000, "it may change");
    assert_eq!(catalog.rows("SELECT count(*) FROM catalog_items WHERE provider_id = 'p'").await, ["(10)"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_offers_made_at_once_a_provider_has_as_many_on_sale_as_it_may() {
    let catalog = with(0, 10).await;
    catalog.item(item("i", "p", 100)).await.unwrap();
    let ids: Vec<String> = (0..50).map(|n| format!("o-{n}")).collect();
    let made = join_all(ids.iter().map(|id| catalog.offer(offer(id, 1)))).await;
    let there: Vec<&String> =
        ids.iter().zip(&made).filter(|(_, made)| made.is_ok()).map(|(id, _)| id).collect();
    assert_eq!((there.len(), exceeded(made.clone())), (10, 40));
    // Withdrawn ones do not count, but one that comes back does.
    catalog.withdraw(there[0]).await.unwrap();
    catalog.offer(offer("new", 1)).await.unwrap();
    let back = catalog.offer(offer(there[0], 1)).await.unwrap_err();
    assert_eq!(back.message(), "provider p may have at most 10 offers on sale");
    assert!(catalog.get(there[0]).await.withdrawn);
    // Nor do past ones, until their window is another.
    let past = Offer { window: Some(hours(-5, -1)), ..offer(there[1], 1) };
    catalog.offer(past).await.unwrap();
    catalog.offer(offer("newer", 1)).await.unwrap();
    assert_eq!(reason(catalog.offer(offer(there[1], 1)).await), "QUOTA_EXCEEDED");
    // What is on sale may change.
    assert_eq!(
        catalog.offer(Offer { window: Some(hours(2, 9)), ..offer(there[2], 3) }).await.unwrap().total_wh,
        3_000
    );
    catalog.assert_sound().await;
}

#[tokio::test]
async fn a_synced_provider_has_no_more_than_others() {
    let catalog = with(1, 1).await;
    catalog.sync(10).await;
    let sync = Origin::Sync.into();
    let more = Item { origin: sync, ..item("more", "s", 10) };
    assert_eq!(reason(catalog.item(more).await), "QUOTA_EXCEEDED");
    let more = Offer { origin: sync, provider_id: "s".into(), item_id: "t".into(), ..offer("more", 1) };
    assert_eq!(reason(catalog.offer(more).await), "QUOTA_EXCEEDED");
}
