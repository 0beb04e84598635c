//! Ids, numbers and texts that cannot be.

use serde_json::{Value, json};

use super::{Row, Side};
use crate::{
    beckn::{self, Message},
    client::{ALPHA, Client, window},
};

pub fn rows(client: &Client) -> Vec<Row> {
    let mut rows = Vec::new();
    let message =
        |transaction: &str| Message::new(client, "select", transaction, beckn::select(ALPHA, &json!(1)));
    let odd = [
        ("empty", String::new()),
        ("256 characters", "x".repeat(256)),
        ("spaces", "  ".into()),
        ("a space at its end", "a ".into()),
        ("right to left", "\u{202e}cba".into()),
        ("zero width", "a\u{200b}b".into()),
        ("another alphabet's a", "\u{430}".into()),
        ("a line end", "a\r\nb".into()),
    ];
    for (name, id) in &odd {
        for field in ["message_id", "transaction_id", "bap_id", "bpp_id"] {
            let body = message("t-1").with(field, id).text();
            rows.push(Row::post(&format!("{field}: {name}"), "/select", body, 400, "context cannot be read"));
        }
        let body = json!({"provider_id": id, "source_type": "SOLAR", "available_qty": 1}).to_string();
        let says = if id.trim().is_empty() { "are required" } else { "printable ASCII" };
        rows.push(Row::post(&format!("provider_id: {name}"), "/seller/items", body, 400, says));
    }
    for uri in [
        "javascript:alert(1)",
        "http://user:word@a/",
        "//a",
        "http://a/#b",
        "http://\u{202e}a/",
        "file:///etc/passwd",
    ] {
        let body = message("t-1").with("bap_uri", uri).text();
        rows.push(Row::post(uri, "/select", body, 400, "bap_uri"));
    }
    for path in ["/api/transactions/", "/seller/providers/"] {
        for id in ["%00", "%ff", "%c0%af", "..%2f..%2fetc", "%E2%80%AE", "a%20", &"x".repeat(8_000)] {
            rows.push(Row::get(Side::Bap, &format!("{path}{id}"), 404, "not found"));
        }
    }
    let written = ["-1", "1e400", "\"1\"", "1.5", "1e-1", "[]", "null", "99999999999999999999"];
    for (n, quantity) in written.into_iter().enumerate() {
        let mut marked = message(&format!("t-quantity-{n}"));
        marked.0["message"]["orderItems"][0]["quantity"] = json!("MARK");
        let body = marked.text().replace("\"MARK\"", quantity);
        rows.push(Row::post(&format!("quantity {quantity}"), "/select", body, 200, "40001"));
    }
    for (price, says) in [
        ("-1", "price_per_kwh must be"),
        ("0", "price_per_kwh must be"),
        ("1e12", "price_per_kwh must be"),
        ("0.0000001", "price_per_kwh must be"),
        ("\"0.1\"", "price_per_kwh must be"),
        ("1e999", "number out of range"),
        ("NaN", "cannot be read"),
    ] {
        let offer = json!({"provider_id": "provider-solar-alpha", "item_id": "item-solar-001", "max_qty": 1,
            "price_per_kwh": "MARK", "time_window": window()});
        let body = offer.to_string().replace("\"MARK\"", price);
        rows.push(Row::post(&format!("a price of {price}"), "/seller/offers", body, 400, says));
    }
    let name = |name: Value| json!({"name": name}).to_string();
    rows.extend([
        Row::post(
            "a name of 256 characters",
            "/seller/register",
            name("x".repeat(256).into()),
            400,
            "255 characters",
        ),
        Row::post(
            "a name with an escape",
            "/seller/register",
            name("\u{1b}[2J".into()),
            400,
            "control characters",
        ),
        Row::post("a name that is a list", "/seller/register", name(json!(["a"])), 400, "name must be"),
    ]);
    rows
}
