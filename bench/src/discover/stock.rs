//! Offers straight into the tables, the same at every run but for the day on which they begin.

use sea_orm::{ConnectionTrait, DatabaseConnection};

/// Ten offers of an item, a hundred items of a provider. Windows of 1 to 6 hours begin in each hour of 60 days; most
/// offers are small, none above 500 kWh. One in a thousand lies 70 days later, another has 5,000 kWh. Committed to the
/// disk: VACUUM takes no page for visible to all whose rows may still be lost.
const LOAD: &str = "
    SET search_path = catalog; SET synchronous_commit = on;
    INSERT INTO providers (id, name)
    SELECT 'provider-' || n, 'Provider ' || n FROM generate_series({first} / 1000, ({last} - 1) / 1000) n
    ON CONFLICT DO NOTHING;
    INSERT INTO catalog_items (id, provider_id, source_type, delivery_mode, production_windows_json, total_qty,
                               available_qty)
    SELECT 'item-' || n, 'provider-' || n / 100, (ARRAY['SOLAR', 'SOLAR', 'SOLAR', 'WIND', 'HYDRO'])[1 + n % 5],
           'SCHEDULED', '[]', 100000, 100000
    FROM generate_series({first} / 10, ({last} - 1) / 10) n ON CONFLICT DO NOTHING;
    INSERT INTO catalog_offers (id, item_id, provider_id, source_type, price_value, currency, block_qty, max_qty,
                                available_qty, time_window_start, time_window_end, pricing_model, settlement_type)
    SELECT 'offer-' || lpad(n::text, 8, '0'), item.id, item.provider_id, item.source_type,
           0.02 + (chance[1] % 2800) * 0.0001, 'USD', 1, size, size, start,
           start + make_interval(hours => 1 + chance[2] % 6), 'PER_KWH', 'DAILY'
    FROM (
        SELECT n, chance,
               CASE WHEN n % 1000 = 13 THEN 5000 ELSE 1 + floor(500 * (chance[3] / 1e6) ^ 3) END AS size,
               date_trunc('hour', now()) + make_interval(hours => 1 + chance[4] % 1440)
                   + CASE WHEN n % 1000 = 7 THEN interval '70 days' ELSE interval '0' END AS start
        FROM (
            SELECT n, ARRAY(SELECT ('x' || substr(md5(n::text), 1 + 6 * part, 6))::bit(24)::int % 1000000
                            FROM generate_series(0, 3) part) AS chance
            FROM generate_series({first}, {last} - 1) n
        ) numbers
    ) offers JOIN catalog_items item ON item.id = 'item-' || n / 10";

/// Loads the offers from one number up to another, and lets PostgreSQL look at them.
///
/// # Errors
/// When it refuses.
pub async fn load(db: &DatabaseConnection, first: usize, last: usize) -> anyhow::Result<()> {
    let sql = LOAD.replace("{first}", &first.to_string()).replace("{last}", &last.to_string());
    db.execute_unprepared(&sql).await?;
    db.execute_unprepared("VACUUM ANALYZE").await?;
    // Whoever may not ask for one measures beside it.
    let _ = db.execute_unprepared("CHECKPOINT").await;
    Ok(())
}
