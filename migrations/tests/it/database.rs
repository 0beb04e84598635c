//! `seed` on PostgreSQL.

use p2p_domain::Clock;
use p2p_migrations::reset::{self, Emptied, Loopback};
use p2p_runtime::Env;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement, TransactionTrait};

/// 22 November, so the seed is dated the 23rd.
fn clock() -> Clock {
    Clock::fixed("2026-11-22T19:36:46Z".parse().unwrap())
}

async fn seed(url: &str) -> Emptied {
    let place = Loopback::of(&Env::of([("DATABASE_URL", url)])).unwrap();
    reset::database(&place, &clock()).await.unwrap()
}

/// The rows that the query finds, each as PostgreSQL writes it in text.
async fn rows(db: &DatabaseConnection, sql: &str) -> Vec<String> {
    let sql = format!("SELECT q::text FROM ({sql}) q");
    let rows = db.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

async fn assert_seeds_state(db: &DatabaseConnection) {
    assert_eq!(
        rows(db, "SELECT id, name FROM catalog.providers ORDER BY id").await,
        [r#"(provider-solar-alpha,"Alpha Solar Energy")"#, r#"(provider-solar-beta,"Beta Green Power")"#]
    );
    let trust = "SELECT provider_id, trust_score, total_orders, successful_orders
                 FROM matching.provider_trust ORDER BY 1";
    assert_eq!(rows(db, trust).await, ["(provider-solar-alpha,0.85,20,17)", "(provider-solar-beta,0.6,5,3)"]);
    let items = "SELECT id, provider_id, source_type, delivery_mode, meter_id, total_qty, available_qty,
                        production_windows_json->0->>'startTime', production_windows_json->0->>'endTime'
                 FROM catalog.catalog_items ORDER BY id";
    assert_eq!(
        rows(db, items).await,
        [
            "(item-solar-001,provider-solar-alpha,SOLAR,SCHEDULED,MTR-ALPHA-001,100.000,100.000,\
             2026-11-23T08:00:00Z,2026-11-23T18:00:00Z)",
            "(item-solar-002,provider-solar-beta,SOLAR,SCHEDULED,MTR-BETA-001,150.000,150.000,\
             2026-11-23T06:00:00Z,2026-11-23T20:00:00Z)",
        ]
    );
    let offers = "SELECT id, item_id, provider_id, trim_scale(price_value), currency, max_qty, available_qty,
                         time_window_start AT TIME ZONE 'UTC', time_window_end AT TIME ZONE 'UTC',
                         pricing_model, settlement_type
                  FROM catalog.catalog_offers ORDER BY id";
    assert_eq!(
        rows(db, offers).await,
        [
            r#"(offer-alpha-morning,item-solar-001,provider-solar-alpha,0.1,USD,50.000,50.000,"2026-11-23 10:00:00","2026-11-23 14:00:00",PER_KWH,DAILY)"#,
            r#"(offer-beta-afternoon,item-solar-002,provider-solar-beta,0.08,USD,100.000,100.000,"2026-11-23 12:00:00","2026-11-23 18:00:00",PER_KWH,DAILY)"#,
        ]
    );
    let runs = "SELECT offer_id, first_block, blocks, status FROM catalog.block_runs ORDER BY 1, 2";
    assert_eq!(
        rows(db, runs).await,
        ["(offer-alpha-morning,0,50,AVAILABLE)", "(offer-beta-afternoon,0,100,AVAILABLE)"]
    );
}

#[tokio::test]
async fn seeding_makes_the_seeds_state_any_number_of_times() {
    let url = p2p_testkit::database().await.unwrap();
    let db = Database::connect(&url).await.unwrap();
    for _ in 0..3 {
        seed(&url).await;
        assert_seeds_state(&db).await;
    }
}

#[tokio::test]
async fn whatever_was_added_or_changed_is_gone_but_gateways_and_bookkeeping_stay() {
    let url = p2p_testkit::database().await.unwrap();
    let db = Database::connect(&url).await.unwrap();
    seed(&url).await;
    db.execute_unprepared(
        "INSERT INTO catalog.providers (id, name) VALUES ('another', 'Another');
         UPDATE matching.provider_trust SET trust_score = 0.1;
         INSERT INTO matching.order_outcomes (order_id, provider_id, outcome) VALUES ('o', 'p', 'FAILURE');
         INSERT INTO catalog.reservations (order_id, status, lines) VALUES ('o', 'HELD', '[]');
         CREATE TABLE matching.gateways (id integer);
         INSERT INTO matching.gateways VALUES (1)",
    )
    .await
    .unwrap();
    let bookkeeping = "SELECT version FROM catalog.seaql_migrations";
    let migrations = rows(&db, bookkeeping).await;

    let emptied = seed(&url).await;

    for table in ["catalog.reservations", "matching.order_outcomes"] {
        assert!(emptied.tables.contains(&(table.into(), 1)), "{emptied:?}");
    }
    assert_seeds_state(&db).await;
    assert_eq!(rows(&db, "SELECT * FROM catalog.reservations").await, Vec::<String>::new());
    assert_eq!(rows(&db, "SELECT id FROM matching.gateways").await, ["(1)"]);
    assert_eq!(rows(&db, bookkeeping).await, migrations);
}

#[tokio::test]
async fn seeding_waits_for_a_program_that_holds_a_row() {
    let url = p2p_testkit::database().await.unwrap();
    let db = Database::connect(&url).await.unwrap();
    seed(&url).await;
    let program = db.begin().await.unwrap();
    let sell = "UPDATE catalog.catalog_offers SET available_qty = available_qty - 1, sold_qty = 1";
    program.execute_unprepared(sell).await.unwrap();
    let selling = async {
        until_waiting(&db).await;
        program.commit().await.unwrap();
    };
    tokio::join!(seed(&url), selling);
    assert_seeds_state(&db).await;
}

/// Returns once some session of this database waits for a lock.
async fn until_waiting(db: &DatabaseConnection) {
    let waiting = "SELECT pid FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while rows(db, waiting).await.is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_database_without_schemas_is_told_to_be_migrated() {
    let url = p2p_testkit::empty_database().await.unwrap();
    let place = Loopback::of(&Env::of([("DATABASE_URL", &url)])).unwrap();
    let error = reset::database(&place, &clock()).await.unwrap_err();
    assert_eq!(error.to_string(), "the database has no schemas yet: run `migrate` first");
}

#[tokio::test]
async fn an_empty_database_is_filled_once_and_what_is_there_stays() {
    let url = p2p_testkit::database().await.unwrap();
    let clock = clock();
    let both = tokio::join!(reset::fill(&url, &clock), reset::fill(&url, &clock));
    let mut filled = [both.0.unwrap(), both.1.unwrap()];
    filled.sort_unstable();
    assert_eq!(filled, [false, true]);
    let db = Database::connect(&url).await.unwrap();
    assert_seeds_state(&db).await;

    db.execute_unprepared("UPDATE catalog.providers SET name = 'Alpha' WHERE name LIKE 'Alpha%'")
        .await
        .unwrap();
    assert!(!reset::fill(&url, &clock).await.unwrap());
    assert_eq!(rows(&db, "SELECT 1 FROM catalog.providers WHERE name = 'Alpha'").await, ["(1)"]);
}
