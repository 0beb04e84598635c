//! Messages of a mailbox from before they could be signed.

use p2p_migrations::order::Migrator;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DbBackend, Statement};
use sea_orm_migration::MigratorTrait;

/// How many migrations there were.
const BEFORE_SIGNATURES: u32 = 9;

/// An action received, and the callback to it.
const OLD_MESSAGES: &str = "
    INSERT INTO transactions (bap_id, transaction_id, seq) VALUES ('bap', 't', 2);
    INSERT INTO events (id, bap_id, transaction_id, seq, buyer_seq, message_id, action, direction, raw_json)
    SELECT id::uuid, 'bap', 't', seq, 0, 'm', action, direction, '{}'
    FROM (VALUES ('6a0e1d6c-5a3f-4a57-a0b2-1f0d6c1c0001', 1, 'select', 'INBOUND'),
                 ('6a0e1d6c-5a3f-4a57-a0b2-1f0d6c1c0002', 2, 'on_select', 'OUTBOUND'))
         AS event (id, seq, action, direction);
    INSERT INTO inbox (sender, action, message_id, bap_id, transaction_id, seq, buyer_seq, event_id, digest,
                       answered_at, status, lease_gateway, lease_incarnation, lease_until)
    VALUES ('bap', 'select', 'm', 'bap', 't', 1, 0, '6a0e1d6c-5a3f-4a57-a0b2-1f0d6c1c0001', '', now(), 'DONE', '', 0,
            now());
    INSERT INTO outbox (id, bap_id, transaction_id, event_id, action, message_id, uri, status, due_at, lease_gateway,
                        lease_incarnation, lease_until)
    VALUES ('6a0e1d6c-5a3f-4a57-a0b2-1f0d6c1c0003', 'bap', 't', '6a0e1d6c-5a3f-4a57-a0b2-1f0d6c1c0002', 'on_select',
            'm', 'http://bap', 'PENDING', now(), '', 0, now())";

#[tokio::test]
async fn messages_from_before_signatures_are_not_signed_and_answer_nothing_that_is() {
    let url = p2p_testkit::empty_database().await.unwrap();
    let mut options = ConnectOptions::new(&url);
    options.set_schema_search_path("orders").max_connections(1);
    let db = Database::connect(options).await.unwrap();
    db.execute_unprepared("CREATE SCHEMA orders").await.unwrap();
    Migrator::up(&db, Some(BEFORE_SIGNATURES)).await.unwrap();
    db.execute_unprepared(OLD_MESSAGES).await.unwrap();

    Migrator::up(&db, None).await.unwrap();

    let query = r#"
        SELECT concat_ws(' ', 'event', action, "authorization") FROM events
        UNION ALL SELECT concat_ws(' ', 'delivery', action, request_event_id::text) FROM outbox
        ORDER BY 1"#;
    let rows = db.query_all_raw(Statement::from_string(DbBackend::Postgres, query)).await.unwrap();
    let rows: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    assert_eq!(rows, ["delivery on_select", "event on_select", "event select"]);
}
