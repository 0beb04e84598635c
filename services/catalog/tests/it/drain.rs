//! Many offers drained by many clients over two catalogs on one database: no kilowatt-hour is sold twice. The same
//! with a planted bug, which this must find.

use std::collections::HashMap;

use futures::{StreamExt, future::join_all, stream};
use p2p_catalog::{
    Config, Error, Picking, Quotas,
    app::{release_blocks::release_blocks, reserve_blocks::reserve_blocks, sell_blocks::sell_blocks},
    domain::{Label, Line, Reservation, State, Wish},
    store::Store,
};
use p2p_domain::{OfferId, OrderId};
use p2p_runtime::{
    Env, Stop, Tasks,
    grpc::Between,
    planted::plant,
    postgres::{self, AllowOff},
};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use uuid::Uuid;

use crate::fsck::violations;

const OFFERS: usize = 1_000;
const AT_ONCE: usize = 16;
const CLIENTS: usize = 32;

/// Offers of 120 kWh; ten of them share an item that has 1,100.
const STOCK: &str = "
    INSERT INTO providers (id, name) VALUES ('p', 'P');
    INSERT INTO catalog_items (id, provider_id, source_type, delivery_mode, production_windows_json, total_qty,
                               available_qty)
    SELECT 'item-' || n, 'p', 'SOLAR', 'SCHEDULED', '[]', 1100, 1100 FROM generate_series(0, 99) AS n;
    INSERT INTO catalog_offers (id, item_id, provider_id, source_type, price_value, currency, block_qty, max_qty,
                                available_qty, time_window_start, time_window_end, pricing_model, settlement_type)
    SELECT 'offer-' || n, 'item-' || n / 10, 'p', 'SOLAR', 0.1, 'USD', 1, 120, 120, now(), now() + interval '1 h',
           'PER_KWH', 'DAILY'
    FROM generate_series(0, 999) AS n;
    INSERT INTO block_runs (offer_id, first_block, blocks, status)
    SELECT 'offer-' || n, 0, 120, 'AVAILABLE' FROM generate_series(0, 999) AS n;";

/// Two catalogs on one database.
struct Two {
    catalogs: [Store; 2],
    db: DatabaseConnection,
}

impl Two {
    async fn with(picking: Picking) -> Self {
        let url = p2p_testkit::database().await.unwrap();
        let database = postgres::Config {
            url: url.into(),
            schema: "catalog",
            connections: 3,
            allow_off: AllowOff::everything(),
        };
        let config = Config {
            address: ([127, 0, 0, 1], 0).into(),
            database,
            picking,
            between: Between::default(),
            quotas: Quotas::default(),
        };
        let db = postgres::connect(&config.database).await.unwrap();
        db.execute_unprepared(STOCK).await.unwrap();
        let tasks = Tasks::new();
        let start = || async { Store::start(&config, &tasks, Stop::new()).await.unwrap() };
        Self { catalogs: [start().await, start().await], db }
    }

    /// All clients at once at some offers. Returns what they were told: order, lines, and where it stands.
    async fn drain(&self, offers: std::ops::Range<usize>) -> Vec<Result<Reservation, Error>> {
        let clients = |offer| join_all((0..CLIENTS).map(move |client| self.buy(offer, client)));
        stream::iter(offers)
            .map(clients)
            .buffer_unordered(AT_ONCE)
            .map(stream::iter)
            .flatten()
            .collect()
            .await
    }

    /// A lot of 1 to 13 kWh, or 1 kWh when there is not so much left; every eighth buys of the next offer, too. Of
    /// those who get it, some stay, some give it back, and most buy; by either catalog.
    async fn buy(&self, offer: usize, client: usize) -> Result<Reservation, Error> {
        let here = &self.catalogs[client % 2];
        let there = &self.catalogs[(client + offer) % 2];
        let kwh = (7 * client + offer) % 13 + 1;
        let mut lots = vec![(offer, kwh)];
        if client.is_multiple_of(8) {
            lots.push(((offer + 1) % OFFERS, 14 - kwh));
        }
        let mut reservation = reserve_blocks(here, wish(&lots)).await?;
        if matches!(reservation.state, State::Refused { .. }) {
            reservation = reserve_blocks(here, wish(&[(offer, 1)])).await?;
        }
        let State::Held(_) = reservation.state else { return Ok(reservation) };
        match (client + offer) % 5 {
            0 => Ok(reservation),
            1 => release_blocks(there, reservation.order, Label::default()).await,
            _ => sell_blocks(there, reservation.order).await,
        }
    }
}

fn wish(lots: &[(usize, usize)]) -> Wish {
    let line = |&(offer, kwh): &(usize, usize)| Line {
        offer: OfferId::parse(&format!("offer-{offer}")).unwrap(),
        quantity_wh: i64::try_from(kwh).unwrap() * 1_000,
    };
    let mut lines: Vec<Line> = lots.iter().map(line).collect();
    lines.sort_by(|a, b| a.offer.cmp(&b.offer));
    Wish { order: OrderId(Uuid::new_v4()), transaction: "t".parse().unwrap(), lines }
}

/// Watt-hours by offer: held, sold.
fn told(reservations: &[Reservation]) -> HashMap<String, (i64, i64)> {
    let mut told: HashMap<String, (i64, i64)> = HashMap::new();
    for reservation in reservations {
        for lot in reservation.state.lots() {
            let (held, sold) = told.entry(lot.offer.to_string()).or_default();
            match reservation.state {
                State::Held(_) => *held += lot.quantity.wh(),
                State::Sold(_) => *sold += lot.quantity.wh(),
                State::Returned(_) | State::Released { .. } | State::Refused { .. } => {}
            }
        }
    }
    told
}

async fn counted(db: &DatabaseConnection) -> HashMap<String, (i64, i64)> {
    let query = "SELECT id, (reserved_qty * 1000)::bigint AS held, (sold_qty * 1000)::bigint AS sold
                 FROM catalog_offers";
    let rows =
        db.query_all_raw(sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, query)).await.unwrap();
    let number = |row: &sea_orm::QueryResult, column| row.try_get::<i64>("", column).unwrap();
    rows.iter()
        .map(|row| (row.try_get("", "id").unwrap(), (number(row, "held"), number(row, "sold"))))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_offers_are_drained_over_two_catalogs_and_no_block_is_sold_twice() {
    plant(&Env::load().unwrap()).unwrap();
    let two = Two::with(Picking::default()).await;
    let answers = two.drain(0..OFFERS).await;
    let reservations: Vec<Reservation> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(violations(&two.catalogs[0]).await, [""; 0]);
    // What buyers were told is what the counters say.
    let (told, counted) = (told(&reservations), counted(&two.db).await);
    assert_eq!((told.len(), counted.len()), (OFFERS, OFFERS));
    assert_eq!(told, counted);
    let refused = reservations.iter().filter(|r| matches!(r.state, State::Refused { .. })).count();
    assert!(refused > OFFERS, "the offers were not drained: {refused} refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn picking_blocks_before_their_lock_is_found_to_sell_them_twice() {
    let two = Two::with(Picking::Unlocked).await;
    let mut found = Vec::new();
    for first in (0..OFFERS).step_by(AT_ONCE) {
        // Commands may fail on rows that contradict one another.
        two.drain(first..first + AT_ONCE).await;
        found = violations(&two.catalogs[0]).await;
        if found.iter().any(|violation| violation.starts_with("runs follow one another")) {
            return;
        }
    }
    panic!("the bug was not found: {found:?}");
}
