//! `bench load`: fills the running system's database with trades that are over, so that it can be measured grown.
//!
//! A trade has what a real one has: 20 events, 10 of them in the inbox and 10 in the outbox, a quote, an order that was
//! completed, and the choice that it began with. Of stock nothing is loaded: `make fsck` would miss it.

use std::io::Write;

use sea_orm::ConnectionTrait;

use crate::{options::Load, stand::connect};

/// So many at once, so that something can be told meanwhile.
const AT_ONCE: u64 = 10_000;

/// `{first}` and `{last}` are numbers of trades. Ids begin with the time, as real ones do: the oldest trade began 60 days
/// ago, and each is a minute and a bit younger than the one before. Texts are as long as real ones.
const TRADES: &str = r#"
    SET synchronous_commit = off; SET search_path = orders; SET jit = off;
    CREATE OR REPLACE FUNCTION pg_temp.id_at(at timestamptz, what text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
        SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(what), 1, 3) || '8'
                || substr(md5(what), 4, 15))::uuid $$;
    CREATE TEMP TABLE trade AS
        SELECT n, at, pg_temp.id_at(at, 't' || n)::text AS id, pg_temp.id_at(at, 'o' || n) AS order_id
        FROM (SELECT n, date_trunc('second', now()) - interval '60 days' + n * interval '25 seconds' AS at
              FROM generate_series({first}::bigint, {last}::bigint - 1) n) numbers;
    CREATE TEMP TABLE message AS
        SELECT trade.*, step, action, way, number,
               (ARRAY['OUTBOUND', 'INBOUND', 'OUTBOUND', 'INBOUND'])[way] AS direction,
               CASE WHEN way > 2 THEN 'on_' || action ELSE action END AS called,
               pg_temp.id_at(at, 'm' || n || action) AS message_id, pg_temp.id_at(at, 'e' || n || action || way) AS event_id,
               CASE WHEN way > 2 AND action = 'discover' THEN 14000 ELSE 900 END AS length
        FROM trade CROSS JOIN (VALUES (0, 'discover'), (1, 'select'), (2, 'init'), (3, 'confirm'), (4, 'status'))
             AS steps (step, action) CROSS JOIN generate_series(1, 4) way, LATERAL (SELECT 4 * step + way AS number) x;
    INSERT INTO transactions (bap_id, transaction_id, seq, buyer_seq, created_at)
        SELECT 'bap.p2p-trading.local', id, 20, 10, at FROM trade;
    INSERT INTO events (id, bap_id, transaction_id, seq, buyer_seq, message_id, action, direction, raw_json, buyer_json,
                        created_at)
        SELECT event_id, 'bap.p2p-trading.local', id, number, CASE WHEN way IN (1, 4) THEN number / 2 ELSE 0 END,
               message_id, called, direction,
               substr(repeat('{"id":"' || message_id || '","price":{"value":0.0' || n || ',"currency":"USD"}},',
                             length / 80), 1, length),
               CASE WHEN way = 4 AND action = 'discover' THEN repeat('"score":0.' || n || ',', 800) ELSE '' END, at
        FROM message ORDER BY n, number;
    INSERT INTO inbox (sender, action, message_id, bap_id, transaction_id, seq, buyer_seq, event_id, digest, answered_at,
                       status, lease_gateway, lease_incarnation, lease_until, created_at)
        SELECT CASE way WHEN 2 THEN 'bap.p2p-trading.local' ELSE 'bench-provider-' || n % 5 END, called, message_id,
               'bap.p2p-trading.local', id, number, CASE way WHEN 4 THEN number / 2 ELSE 0 END, event_id,
               sha256(message_id::text::bytea), at, 'DONE', '', 0, at, at
        FROM message WHERE direction = 'INBOUND' ORDER BY n, number;
    INSERT INTO outbox (id, bap_id, transaction_id, event_id, action, message_id, uri, status, due_at, attempts,
                        lease_gateway, lease_incarnation, lease_until, created_at, updated_at)
        SELECT pg_temp.id_at(at, 'x' || n || called || way), 'bap.p2p-trading.local', id, event_id, called, message_id,
               'http://127.0.0.1:4000/' || called, 'DELIVERED', at, 1, '127.0.0.1:4000', 1, at, at, at
        FROM message WHERE direction = 'OUTBOUND' ORDER BY n, number;
    INSERT INTO quotes (id, bap_id, transaction_id, items_json, quote_json, valid_until, created_at)
        SELECT pg_temp.id_at(at, 'q' || n), 'bap.p2p-trading.local', id, '[{"offer_id": "bench-offer-00"}]',
               '{"price": "0.08"}', at, at FROM trade;
    INSERT INTO orders (id, bap_id, transaction_id, provider_id, selected_offer_id, status, total_qty, total_price,
                        currency, items_json, quote_json, hold_until, created_at, updated_at, outcome,
                        outcome_recorded_at)
        SELECT order_id, 'bap.p2p-trading.local', id, 'bench-provider-' || n % 5, 'bench-offer-00', 'COMPLETED', 1, 0.08,
               'USD', '[{"offer_id": "bench-offer-00"}]', '{"price": "0.08"}', at, at, at, 'SUCCESS', at FROM trade;
    INSERT INTO matching.match_decisions (bap_id, transaction_id, decided_at, quantity_wh, window_start, window_end,
                                          weight_price, weight_trust, weight_time, min_trust, candidates, eligible,
                                          ranked_json)
        SELECT 'bap.p2p-trading.local', id, at, 1000, at, at + interval '4 hours', 0.4, 0.35, 0.25, 0.2, 20, 20,
               jsonb_build_array(repeat('score ', 400)) FROM trade;
    DROP TABLE trade, message"#;

/// Loads so many trades behind those that are there.
///
/// # Errors
/// When PostgreSQL refuses.
pub async fn run(options: Load) -> anyhow::Result<()> {
    let db = connect(&options.database_url).await?;
    let mut first = 0;
    while first < options.orders {
        let last = (first + AT_ONCE).min(options.orders);
        let sql = TRADES.replace("{first}", &first.to_string()).replace("{last}", &last.to_string());
        db.execute_unprepared(&sql).await?;
        first = last;
        print!("\r{first} orders, {} events", first * 20);
        std::io::stdout().flush()?;
    }
    println!("; PostgreSQL looks at them");
    db.execute_unprepared("VACUUM ANALYZE").await?;
    db.execute_unprepared("CHECKPOINT").await?;
    Ok(())
}
