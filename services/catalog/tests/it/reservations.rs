//! Reservations as the reconciler reads them.

use p2p_proto::catalog::{
    BlockStatus, GetReservationsRequest, ListReservationsRequest, ListReservationsResponse, ReservationStatus,
};
use prost_types::Timestamp;
use sea_orm::ConnectionTrait;
use tonic::Status;
use uuid::Uuid;

use crate::service::{Catalog, offer, order, reason};

use ReservationStatus::{Held, Refused, Released, Returned, Sold};

impl Catalog {
    async fn reservations(
        &self,
        request: ListReservationsRequest,
    ) -> Result<ListReservationsResponse, Status> {
        Ok(self.client.clone().list_reservations(request).await?.into_inner())
    }

    async fn sought(
        &self,
        statuses: &[ReservationStatus],
        since: Option<i64>,
        before: Option<i64>,
    ) -> Vec<String> {
        let at = |hour: i64| Timestamp { seconds: MIDNIGHT + hour * 3_600, nanos: 0 };
        let request = ListReservationsRequest {
            statuses: statuses.iter().map(|status| (*status).into()).collect(),
            changed_since: since.map(at),
            unchanged_since: before.map(at),
            ..Default::default()
        };
        let found = self.reservations(request).await.unwrap().reservations;
        found.into_iter().map(|reservation| reservation.order_id).collect()
    }
}

/// Of the 25th of November 2026.
const MIDNIGHT: i64 = 1_795_564_800;

/// One in each state, by order id: held, sold, returned, released, refused; that changed at 0, 1, 2, 3 and 4 o'clock.
async fn five() -> (Catalog, Vec<Uuid>) {
    let catalog = Catalog::with_item(100).await;
    catalog.offer(offer("o", 50)).await.unwrap();
    catalog.sync(10).await;
    catalog.tell("u", &[1, 2], BlockStatus::Sold).await.unwrap();
    let mut ids: Vec<Uuid> = (0..5).map(|_| order()).collect();
    ids.sort();
    for (id, kwh) in ids.iter().zip([1, 2, 3, 4, 60]) {
        catalog.reserve(*id, &[("o", kwh * 1_000)]).await.unwrap();
    }
    catalog.sell(ids[1]).await.unwrap();
    catalog.sell(ids[2]).await.unwrap();
    catalog.give_back(ids[2]).await.unwrap();
    catalog.release(ids[3], "late").await.unwrap();
    for (hour, id) in ids.iter().enumerate() {
        let sql = format!(
            "UPDATE reservations SET updated_at = '2026-11-25T0{hour}:00:00Z' WHERE order_id = '{id}'"
        );
        catalog.db.execute_unprepared(&sql).await.unwrap();
    }
    (catalog, ids)
}

fn texts(ids: &[Uuid]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn reservations_of_known_orders_are_read_and_unknown_ones_left_out() {
    let (catalog, ids) = five().await;
    let order_ids = [texts(&ids[..2]), vec![order().to_string(), "no uuid".into()]].concat();
    let request = GetReservationsRequest { order_ids };
    let mut read = catalog.client.clone().get_reservations(request).await.unwrap().into_inner().reservations;
    read.sort_by(|a, b| a.order_id.cmp(&b.order_id));
    let read: Vec<_> = read.iter().map(|r| (r.status(), r.lines[0].quantity_wh)).collect();
    assert_eq!(read, [(Held, 1_000), (Sold, 2_000)]);
    let crowd = GetReservationsRequest { order_ids: vec![order().to_string(); 1_001] };
    assert_eq!(reason(catalog.client.clone().get_reservations(crowd).await), "INVALID_IDS");
}

#[tokio::test]
async fn reservations_are_found_by_status_and_by_when_they_changed() {
    let (catalog, ids) = five().await;
    assert_eq!(catalog.sought(&[], None, None).await, texts(&ids), "and none for what was sold elsewhere");
    assert_eq!(catalog.sought(&[Held], None, None).await, texts(&ids[..1]));
    assert_eq!(catalog.sought(&[Released, Held, Sold], None, None).await, texts(&[ids[0], ids[1], ids[3]]));
    assert_eq!(catalog.sought(&[Returned, Refused], None, None).await, texts(&[ids[2], ids[4]]));
    // From 1 o'clock on, before 3 o'clock.
    assert_eq!(catalog.sought(&[], Some(1), None).await, texts(&ids[1..]));
    assert_eq!(catalog.sought(&[], None, Some(3)).await, texts(&ids[..3]));
    assert_eq!(catalog.sought(&[], Some(1), Some(3)).await, texts(&ids[1..3]));
    assert_eq!(catalog.sought(&[Held], None, Some(0)).await, [""; 0]);
    assert_eq!(catalog.sought(&[Held], None, Some(1)).await, texts(&ids[..1]));
    assert_eq!(catalog.sought(&[Sold], Some(2), None).await, [""; 0]);
}

#[tokio::test]
async fn pages_of_reservations_follow_one_another() {
    let (catalog, ids) = five().await;
    for since in [None, Some(Timestamp::default())] {
        let (mut cursor, mut read) = (String::new(), Vec::new());
        loop {
            let request =
                ListReservationsRequest { changed_since: since, page_size: 2, cursor, ..Default::default() };
            let page = catalog.reservations(request).await.unwrap();
            read.extend(page.reservations.into_iter().map(|reservation| reservation.order_id));
            cursor = page.next_cursor;
            if cursor.is_empty() {
                break;
            }
        }
        assert_eq!(read, texts(&ids));
    }
}

#[tokio::test]
async fn of_more_than_twenty_thousand_the_same_are_found_page_by_page() {
    let catalog = Catalog::start().await;
    let many = "INSERT INTO reservations (order_id, status, lines, updated_at)
                SELECT lpad(to_hex(n), 8, '0') || '-0000-4000-8000-000000000000',
                       CASE WHEN n % 3 = 0 THEN 'REFUSED' ELSE 'SOLD' END, '[]',
                       '2026-11-25T00:00:00Z'::timestamptz + interval '1 s' * (n % 7200)
                FROM generate_series(1, 40000) AS n";
    catalog.db.execute_unprepared(many).await.unwrap();
    let sold = |cursor: String| ListReservationsRequest {
        statuses: vec![Sold.into()],
        unchanged_since: Some(Timestamp { seconds: MIDNIGHT + 3_600, nanos: 0 }),
        page_size: 1_000,
        cursor,
        ..Default::default()
    };
    let all_sold = ListReservationsRequest { unchanged_since: None, ..sold(String::new()) };
    let first = catalog.reservations(all_sold).await.unwrap();
    let last = first.reservations.last().unwrap();
    assert_eq!((first.reservations.len(), last.order_id.as_str()), (1_000, first.next_cursor.as_str()));
    assert!(last.order_id.starts_with(&format!("{:08x}", 1_499)), "{last:?}");
    let (mut cursor, mut read) = (String::new(), 0);
    loop {
        let page = catalog.reservations(sold(cursor)).await.unwrap();
        read += page.reservations.len();
        cursor = page.next_cursor;
        if cursor.is_empty() {
            break;
        }
    }
    let early = (1..=40_000).filter(|n| n % 3 != 0 && n % 7_200 < 3_600).count();
    assert_eq!(read, early);
}

#[tokio::test]
async fn a_bad_list_of_reservations_is_refused_and_an_odd_one_is_not() {
    let (catalog, ids) = five().await;
    let request = ListReservationsRequest::default;
    assert_eq!(
        reason(catalog.reservations(ListReservationsRequest { cursor: "x".into(), ..request() }).await),
        "INVALID_CURSOR"
    );
    assert_eq!(
        reason(catalog.reservations(ListReservationsRequest { page_size: 1_001, ..request() }).await),
        "INVALID_PAGE_SIZE"
    );
    for odd in [0, 9] {
        let odd = ListReservationsRequest { statuses: vec![odd], ..request() };
        assert_eq!(reason(catalog.reservations(odd).await), "INVALID_ENUM");
    }
    let never = Timestamp { seconds: i64::MAX, nanos: 0 };
    let odd = ListReservationsRequest { changed_since: Some(never), ..request() };
    assert_eq!(reason(catalog.reservations(odd).await), "INVALID_MESSAGE");
    // The first and the last moment that a calendar has.
    let (first, last) = (chrono::DateTime::<chrono::Utc>::MIN_UTC, chrono::DateTime::<chrono::Utc>::MAX_UTC);
    let all = ListReservationsRequest {
        changed_since: Some(p2p_proto::timestamp(first)),
        unchanged_since: Some(p2p_proto::timestamp(last)),
        ..request()
    };
    assert_eq!(catalog.reservations(all).await.unwrap().reservations.len(), ids.len());
    let none = ListReservationsRequest { unchanged_since: Some(p2p_proto::timestamp(first)), ..request() };
    assert_eq!(catalog.reservations(none).await.unwrap().reservations, []);
}
