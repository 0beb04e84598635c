//! `migrate up`.

use p2p_migrations::{Service, catalog::Migrator, up, up_one};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DbBackend, Statement};
use sea_orm_migration::MigratorTrait;

#[tokio::test]
async fn a_schema_that_is_up_to_date_takes_nothing() {
    let url = p2p_testkit::database().await.unwrap();
    for service in Service::ALL {
        assert_eq!(up_one(&url, service).await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn many_migrators_at_once_all_succeed() {
    let url = p2p_testkit::empty_database().await.unwrap();
    let (a, b, c, d) = tokio::join!(up(&url), up(&url), up(&url), up(&url));
    for result in [a, b, c, d] {
        result.unwrap();
    }
}

/// As the first migration left them: an offer that can be sold, and one that is sold out.
const OLD_STOCK: &str = "
    INSERT INTO providers (id, name) VALUES ('p', 'P');
    INSERT INTO catalog_items (id, provider_id, source_type, delivery_mode, production_windows_json, total_qty,
                               available_qty, sold_qty)
    VALUES ('i', 'p', 'SOLAR', 'SCHEDULED', '[]', 10, 5, 5);
    INSERT INTO catalog_offers (id, item_id, provider_id, source_type, price_value, currency, block_qty, max_qty,
        available_qty, sold_qty, time_window_start, time_window_end, pricing_model, settlement_type)
    SELECT id, 'i', 'p', 'SOLAR', 0.1, 'USD', 1, 5, 5 - sold, sold, now(), now() + interval '1 h', 'PER_KWH', 'DAILY'
    FROM (VALUES ('on', 0), ('out', 5)) AS offer (id, sold)";

#[tokio::test]
async fn stock_from_before_sellers_and_sync_is_the_sellers_and_as_much_on_sale_as_it_was() {
    let url = p2p_testkit::empty_database().await.unwrap();
    let mut options = ConnectOptions::new(&url);
    options.set_schema_search_path("catalog").max_connections(1);
    let db = Database::connect(options).await.unwrap();
    db.execute_unprepared("CREATE SCHEMA catalog").await.unwrap();
    Migrator::up(&db, Some(1)).await.unwrap();
    db.execute_unprepared(OLD_STOCK).await.unwrap();

    Migrator::up(&db, None).await.unwrap();

    let query = "SELECT concat_ws(' ', id, origin, sellable, withdrawn_at) FROM catalog_offers ORDER BY id";
    let rows = db.query_all_raw(Statement::from_string(DbBackend::Postgres, query)).await.unwrap();
    let rows: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    assert_eq!(rows, ["on SELLER t", "out SELLER f"]);
}
