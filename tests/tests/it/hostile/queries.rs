//! Paging, filter expressions and JSONPath.

use serde_json::json;

use super::{Row, Side};
use crate::{beckn::Message, client::Client};

pub fn rows(client: &Client) -> Vec<Row> {
    let mut rows = Vec::new();
    let lists = [
        (Side::Bap, "/seller/items"),
        (Side::Bap, "/seller/offers"),
        (Side::Bap, "/api/transactions"),
        (Side::Cds, "/catalog"),
    ];
    for (side, list) in lists {
        for limit in ["0", "-1", "1001", "1e2", "99999999999999999999", "ten", "", "%31%30%31%31"] {
            rows.push(Row::get(side, &format!("{list}?limit={limit}"), 400, "limit must be"));
        }
        for (query, says) in [
            ("limit=1&limit=2", "limit is given twice"),
            ("cursor=a&cur%73or=b", "cursor is given twice"),
            ("cursor=%00", "NUL"),
            ("cursor=%ff", "not UTF-8"),
            ("cursor=garbage", "cursor"),
            ("cursor=%27%20OR%201%3D1%20--", "cursor"),
        ] {
            rows.push(Row::get(side, &format!("{list}?{query}"), 400, says));
        }
        let long = "9".repeat(12_000);
        rows.push(Row::get(side, &format!("{list}?cursor={long}"), 400, "cursor"));
    }
    rows.push(Row::get(Side::Bap, "/seller/orders?provider_id=a&provider_id=b", 400, "given twice"));
    for (n, expression) in [
        "sourceType=",
        "sourceType='SOLAR' ||",
        "sourceType='SOLAR'; DROP TABLE catalog_offers",
        "' OR 1=1 --",
        "availableQuantity>=1e999",
        "availableQuantity>=-1",
        "availableQuantity>=NaN",
        "unknown='a'",
        "sourceType='\u{202e}",
        &"(".repeat(10_000),
        &"sourceType='SOLAR' && ".repeat(1_000),
        "$[",
        "$..[?@..[?@..[?@.a]]]",
        &format!("$..[?match(@.id, '{}')]", "(".repeat(1_000)),
        &format!("${}", "[0]".repeat(5_000)),
        "$[99999999999999999999]",
        "$..[?@.a==1e999]",
    ]
    .into_iter()
    .enumerate()
    {
        let message = json!({"filters": {"type": "jsonpath", "expression": expression}});
        let body = Message::new(client, "discover", &format!("t-filter-{n}"), message).text();
        rows.push(Row::post(&format!("{expression:.60}"), "/discover", body, 200, "40001"));
    }
    rows
}
