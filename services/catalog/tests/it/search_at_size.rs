//! What a search looks at when there are many offers, and that its pages are exact all the same.

use p2p_catalog::{
    domain::{Filter as Conditions, Label, PageSize, Walk},
    store::Stage,
};
use p2p_proto::catalog::{Filter, SearchCatalogRequest, SearchCatalogResponse};
use p2p_runtime::postgres::{self, AllowOff};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, TransactionTrait};
use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::service::{Catalog, hours, offer, reason, rows};

/// Offers of 100 items over 10 days: every tenth is half sold, every seventh item is sold out, every 50th offer lasts
/// for three days, every 1,000th is large.
const MANY: &str = "
    INSERT INTO providers (id, name) SELECT 'p' || n, 'P' FROM generate_series(0, 9) n;
    INSERT INTO catalog_items (id, provider_id, source_type, delivery_mode, production_windows_json, total_qty,
                               available_qty, sold_qty)
    SELECT 'i' || n, 'p' || n % 10, CASE WHEN n % 5 = 0 THEN 'WIND' ELSE 'SOLAR' END, 'SCHEDULED', '[]', 9000,
           CASE WHEN n % 7 = 0 THEN 0 ELSE 9000 END, CASE WHEN n % 7 = 0 THEN 9000 ELSE 0 END
    FROM generate_series(0, 99) n;
    INSERT INTO catalog_offers (id, item_id, provider_id, source_type, price_value, currency, block_qty, max_qty,
                                available_qty, sold_qty, time_window_start, time_window_end, pricing_model,
                                settlement_type)
    SELECT 'o' || n, 'i' || n % 100, 'p' || n % 10, CASE WHEN n % 5 = 0 THEN 'WIND' ELSE 'SOLAR' END,
           0.05 + (n * 7919 % 1000) * 0.0001, 'USD', 1, size, size - sold, sold, start,
           start + make_interval(hours => CASE WHEN n % 50 = 0 THEN 72 ELSE 1 + n % 4 END), 'PER_KWH', 'DAILY'
    FROM (
        SELECT n, size, CASE WHEN n % 10 = 0 THEN size / 2 ELSE 0 END AS sold,
               date_trunc('hour', now()) + make_interval(hours => 2 + n * 31 % 240) AS start
        FROM (SELECT n, CASE WHEN n % 1000 = 1 THEN 800 ELSE 10 + n % 90 * 2 END AS size
              FROM generate_series(1, 24000) n) sizes
    ) offers;
    ANALYZE;";

/// Those that a search must find, one after the other.
const FOUND: &str = "
    SELECT o.id FROM catalog_offers o JOIN catalog_items i ON i.id = o.item_id
    WHERE least(o.available_qty, i.available_qty) >= 1 AND ";

async fn catalog_of_many() -> Catalog {
    let catalog = Catalog::start().await;
    catalog.db.execute_unprepared(MANY).await.unwrap();
    catalog
}

impl Catalog {
    async fn page(&self, filter: &Filter, size: u32, cursor: &str) -> Result<SearchCatalogResponse, Status> {
        let request =
            SearchCatalogRequest { filter: Some(filter.clone()), page_size: size, cursor: cursor.to_owned() };
        Ok(self.client.clone().search_catalog(request).await?.into_inner())
    }

    /// Page after page, at most so many.
    async fn pages(&self, filter: &Filter, size: u32, most: usize) -> Vec<String> {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        for _ in 0..most {
            let page = self.page(filter, size, &cursor).await.unwrap();
            found.extend(page.listings.into_iter().map(|listing| format!("({})", listing.offer.unwrap().id)));
            cursor = page.next_cursor;
            if cursor.is_empty() {
                break;
            }
        }
        found
    }
}

#[tokio::test]
async fn pages_are_exact_whichever_way_they_were_found() {
    let catalog = catalog_of_many().await;
    let source = |text: &str| Some(text.to_owned());
    let within = |start, end| {
        format!(
            "o.time_window_end > date_trunc('hour', now()) + make_interval(hours => {start})
             AND o.time_window_start < date_trunc('hour', now()) + make_interval(hours => {end})"
        )
    };
    let window = |start, end| {
        let mut window = hours(start, end);
        for at in [&mut window.start, &mut window.end] {
            let at = at.as_mut().unwrap();
            (at.seconds, at.nanos) = (at.seconds - at.seconds % 3600, 0);
        }
        Some(window)
    };
    let enough = |kwh| format!("least(o.available_qty, i.available_qty) >= {kwh}");
    let least = |kwh: i64| Some(kwh * 1_000);
    let all = Filter::default();
    for (filter, condition, size, most) in [
        (all.clone(), "true".to_owned(), 1_000, 5),
        (all.clone(), "true".to_owned(), 7, 5),
        (Filter { source_type: source("WIND"), ..all.clone() }, "o.source_type = 'WIND'".to_owned(), 900, 5),
        (Filter { source_type: source("HYDRO"), ..all.clone() }, "false".to_owned(), 100, 1),
        // A few in a hundred.
        (Filter { window: window(100, 101), ..all.clone() }, within(100, 101), 50, 100),
        // One in a thousand, at the end, where only the long ones are: the first page is found by window.
        (Filter { window: window(300, 301), ..all.clone() }, within(300, 301), 20, 100),
        (Filter { window: window(500, 501), ..all.clone() }, "false".to_owned(), 10, 1),
        // One in a thousand: the first page is found by size.
        (Filter { min_available_wh: least(400), ..all.clone() }, enough(400), 20, 100),
        (Filter { min_available_wh: least(186), ..all.clone() }, enough(186), 100, 100),
        (Filter { min_available_wh: least(801), ..all.clone() }, "false".to_owned(), 10, 1),
        (
            Filter { source_type: source("SOLAR"), min_available_wh: least(150), window: window(100, 101) },
            format!("o.source_type = 'SOLAR' AND {} AND {}", enough(150), within(100, 101)),
            10,
            100,
        ),
    ] {
        let query = format!("{FOUND} {condition} ORDER BY o.price_value, o.id");
        let mut expected = catalog.rows(&query).await;
        expected.truncate(most * usize::try_from(size).unwrap());
        let found = catalog.pages(&filter, size, most).await;
        assert!(found == expected, "{condition}: {} of {}", found.len(), expected.len());
    }
}

#[tokio::test]
async fn a_search_that_would_have_to_look_at_too_many_is_cut_short_or_refused() {
    let catalog = Catalog::with_item(100).await;
    // Each is large, but hardly anything of it is left.
    catalog
        .db
        .execute_unprepared(
            "INSERT INTO catalog_offers (id, item_id, provider_id, source_type, price_value, currency, block_qty,
                                         max_qty, available_qty, sold_qty, time_window_start, time_window_end,
                                         pricing_model, settlement_type)
             SELECT 'o' || n, 'i', 'p', 'SOLAR', 0.1, 'USD', 1, 50, 1, 49, now() + interval '1 hour',
                    now() + interval '2 hours', 'PER_KWH', 'DAILY'
             FROM generate_series(1, 21000) n;
             ANALYZE",
        )
        .await
        .unwrap();
    let large = Filter { min_available_wh: Some(20_000), ..Filter::default() };
    let refused = catalog.page(&large, 100, "").await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(
        refused.message(),
        "too many offers would have to be looked at to find the first: ask for one source type, a shorter time \
         window or a larger quantity"
    );
    assert_eq!(reason::<()>(Err(refused)), "SEARCH_TOO_BROAD");

    // A few that are left at the front and at the end: a short page, and another refusal behind it.
    let filled = "UPDATE catalog_offers SET available_qty = 50, sold_qty = 0, price_value = 0.05 WHERE id IN ('o1', 'o2')";
    catalog.db.execute_unprepared(filled).await.unwrap();
    let page = catalog.page(&large, 100, "").await.unwrap();
    let found: Vec<String> = page.listings.into_iter().map(|listing| listing.offer.unwrap().id).collect();
    assert_eq!(found, ["o1", "o2"]);
    let behind = catalog.page(&large, 100, &page.next_cursor).await;
    assert_eq!(reason(behind), "SEARCH_TOO_BROAD");

    let narrower = Filter { min_available_wh: Some(50_001), ..Filter::default() };
    assert_eq!(catalog.pages(&narrower, 100, 1).await, [""; 0]);
    assert_eq!(catalog.pages(&Filter::default(), 100, 1).await.len(), 100);
}

/// The plan of a walk as a service makes it: once, for all values. `ANALYZE` says how many rows came from where.
async fn plan(db: &DatabaseConnection, stage: &Stage, filter: &Conditions, options: &str) -> Value {
    let session = db.begin().await.unwrap();
    let sql = stage.statement(filter).sql;
    let types = "timestamptz, timestamptz, numeric, text, numeric, text, bigint, bigint";
    session.execute_unprepared(&format!("PREPARE walk ({types}) AS {sql}")).await.unwrap();
    let source = filter.source_type.as_ref().map_or("NULL".to_owned(), |_| "'SOLAR'".to_owned());
    let explain = format!(
        "EXPLAIN ({options} FORMAT JSON) EXECUTE walk (date_trunc('hour', now()) + interval '100 hours',
             date_trunc('hour', now()) + interval '101 hours', 0, '', 20, {source}, {}, {})",
        stage.most_listings, stage.most_entries,
    );
    let row = session.query_one_raw(Statement::from_string(DbBackend::Postgres, explain)).await.unwrap();
    session.execute_unprepared("DEALLOCATE walk").await.unwrap();
    row.unwrap().try_get_by_index(0).unwrap()
}

/// Every node below.
fn nodes(plan: &Value) -> Vec<&Value> {
    match plan {
        Value::Array(plans) => plans.iter().flat_map(nodes).collect(),
        Value::Object(fields) => {
            let own = fields.contains_key("Node Type").then_some(plan);
            own.into_iter().chain(fields.values().flat_map(nodes)).collect()
        }
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn every_walk_keeps_to_its_index_and_its_bound() {
    let any = Conditions::default();
    let solar = Conditions { source_type: Some(Label::parse("SOLAR", "").unwrap()), ..Conditions::default() };
    let walks = [
        (Walk::ByPrice, &any, "catalog_offers_search"),
        (Walk::ByPrice, &solar, "catalog_offers_search_source"),
        (Walk::ByWindow, &any, "catalog_offers_by_window"),
        (Walk::BySize, &any, "catalog_offers_by_size"),
    ];
    let (empty, many) = (Catalog::start().await, catalog_of_many().await);
    for (walk, filter, index) in walks {
        let stage = Stage {
            walk,
            after: None,
            most_entries: walk.most_entries(PageSize::new(100).unwrap()),
            most_listings: 101,
        };
        // A plan that was made before there was anything is kept for a while.
        for (db, options) in [(&empty.db, ""), (&many.db, "ANALYZE,")] {
            let plan = plan(db, &stage, filter, options).await;
            let nodes = nodes(&plan);
            assert!(nodes.iter().all(|node| node["Node Type"] != "Seq Scan"), "{walk:?} {plan:#}");
            // `o` is what the listings are read from, by id.
            let of_offers = |node: &&&Value| node["Relation Name"] == "catalog_offers";
            let (reads, entries): (Vec<&Value>, Vec<_>) =
                nodes.iter().filter(of_offers).partition(|node| node["Alias"] == "o");
            assert!(!entries.is_empty(), "{walk:?} {plan:#}");
            for entries in &entries {
                let by = (&entries["Node Type"], &entries["Index Name"]);
                assert_eq!(by, (&json!("Index Only Scan"), &json!(index)), "{walk:?} {plan:#}");
            }
            if options.is_empty() {
                continue;
            }
            let rows = |node: &Value| {
                let [rows, loops] =
                    ["Actual Rows", "Actual Loops"].map(|name| node[name].as_f64().unwrap_or_default());
                // A mean over the loops, rounded.
                (rows.round() as usize + 1) * loops.round() as usize
            };
            // Once to find, once to see whether there are more.
            let most = 2 * (stage.most_entries + 30);
            assert!(entries.into_iter().map(rows).sum::<usize>() <= most, "{walk:?} {plan:#}");
            let most = 2 * stage.most_listings;
            assert!(reads.into_iter().map(rows).sum::<usize>() <= most, "{walk:?} {plan:#}");
        }
    }
}

#[tokio::test]
async fn a_past_offer_leaves_the_indexes_until_it_has_another_window() {
    let catalog = Catalog::with_item(100).await;
    let past = p2p_proto::catalog::Offer { window: Some(hours(-5, -1)), ..offer("o", 5) };
    catalog.offer(past).await.unwrap();
    let marked = "SELECT id FROM catalog_offers WHERE past";
    // Whoever starts looks at once.
    let _beside = catalog.beside().await;
    while catalog.rows(marked).await.is_empty() {
        tokio::task::yield_now().await;
    }
    catalog.offer(offer("o", 5)).await.unwrap();
    assert_eq!(catalog.rows(marked).await, [""; 0]);
    assert_eq!(catalog.pages(&Filter::default(), 100, 1).await, ["(o)"]);
}

#[tokio::test]
async fn a_window_is_within_the_power_of_two_hours_that_it_is_filed_under() {
    let url = p2p_testkit::database().await.unwrap();
    let db = postgres::connect(&postgres::Config {
        url: url.into(),
        schema: "catalog",
        connections: 1,
        allow_off: AllowOff::everything(),
    })
    .await
    .unwrap();
    let offers = "
        INSERT INTO providers (id, name) VALUES ('p', 'P');
        INSERT INTO catalog_items (id, provider_id, source_type, delivery_mode, production_windows_json, total_qty,
                                   available_qty) VALUES ('i', 'p', 'SOLAR', 'SCHEDULED', '[]', 1, 1);
        INSERT INTO catalog_offers (id, item_id, provider_id, source_type, price_value, currency, block_qty, max_qty,
                                    available_qty, time_window_start, time_window_end, pricing_model, settlement_type)
        SELECT n, 'i', 'p', 'SOLAR', 1, 'USD', 1, 1, 1, '1970-01-01', '1970-01-01'::timestamptz + lasts::interval,
               'PER_KWH', 'DAILY'
        FROM unnest(ARRAY['0.000001 s', '1 h', '3600.000001 s', '2 h', '7200.000001 s', '4 h', '24 h',
                          '8029 years']) WITH ORDINALITY AS lengths (lasts, n)";
    db.execute_unprepared(offers).await.unwrap();
    assert_eq!(
        rows(&db, "SELECT window_hours FROM catalog_offers ORDER BY id").await,
        ["(1)", "(1)", "(2)", "(2)", "(4)", "(4)", "(32)", "(134217728)"]
    );
}
