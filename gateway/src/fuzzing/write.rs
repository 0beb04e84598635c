//! Texts that are nearly right, made of bytes: the more a text resembles what a parser wants, the deeper it gets in.

use arbitrary::Unstructured;

/// Names that our messages have.
pub(super) const NAMES: [&str; 20] = [
    "context",
    "message",
    "order",
    "orderItems",
    "item_id",
    "offer_id",
    "provider_id",
    "quantity",
    "id",
    "max_qty",
    "price_per_kwh",
    "time_window",
    "startTime",
    "catalog",
    "providers",
    "items",
    "offers",
    "error",
    "bpp_uri",
    "trust_score",
];
const ACTIONS: [&str; 12] = [
    "discover",
    "select",
    "init",
    "confirm",
    "status",
    "cancel",
    "on_discover",
    "on_select",
    "on_init",
    "on_confirm",
    "on_status",
    "on_cancel",
];
const NUMBERS: [&str; 14] = [
    "0",
    "-0",
    "1",
    "30",
    "-1",
    "0.5",
    "1e3",
    "1e999",
    "1e-999",
    "123456789012345678901234567890",
    "0.0000000001",
    "1.",
    "01",
    "1E+400",
];
const STRINGS: [&str; 18] = [
    "",
    "a",
    "2026-01-18T10:00:00Z",
    "2026-13-40T99:99:99Z",
    "PT30S",
    "PT",
    "http://127.0.0.1:4000",
    "kWh",
    "USD",
    r"\u0000",
    r"\ud800",
    r"\udc00\ud800",
    r"\ud83d\ude00",
    r"\u202e",
    "é",
    r"\",
    "\u{200b}",
    r#"\""#,
];
const TOKENS: [&str; 20] = [
    "sourceType",
    "availableQuantity",
    "deliveryMode",
    "=",
    "==",
    ">=",
    ">",
    "&&",
    "||",
    "'SOLAR'",
    "\"WIND\"",
    "'",
    "20",
    "1.5",
    "-1",
    "*",
    " ",
    "1e9",
    "é",
    "\u{3000}",
];
const STEPS: [&str; 30] = [
    "$",
    ".",
    "..",
    "*",
    "[",
    "]",
    "(",
    ")",
    "?",
    "@",
    "providers",
    "items",
    "offers",
    "id",
    "price",
    "value",
    "0",
    "-1",
    ":",
    ",",
    "'a'",
    "\"b\"",
    "==",
    "<",
    "&&",
    "||",
    "!",
    "match(@.id,'a')",
    "length(@)",
    " ",
];
const SCHEMES: [&str; 8] =
    ["http://", "https://", "HTTP://", "http:", "file:///", "//", "gopher://", "http:\\\\"];
const USERS: [&str; 5] = ["", "a@", "a:b@", "@", "%40"];
const HOSTS: [&str; 22] = [
    "127.0.0.1",
    "localhost",
    "0x7f.1",
    "0177.0.0.1",
    "2130706433",
    "127.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "169.254.169.254",
    "0xa9fea9fe",
    "10.0.0.1",
    "100.64.0.1",
    "example.org",
    "example.org.",
    "①②⑦.0.0.1",
    "%31%32%37.0.0.1",
    "",
    "[fe80::1%25eth0]",
    "0",
];
const PORTS: [&str; 8] = ["", ":80", ":443", ":22", ":0", ":65536", ":08080", ":"];
const PATHS: [&str; 7] = ["", "/", "/a/../b", "/?q=1", "/#f", "/%00", "\\"];

const MOST_DEPTH: usize = 40;

/// The next choice; the first one when there are no bytes left.
fn one<'a>(u: &mut Unstructured<'_>, of: &[&'a str]) -> &'a str {
    u.choose(of).copied().unwrap_or(of[0])
}

/// A few of them, one behind the other.
fn some(u: &mut Unstructured<'_>, of: &[&str], most: usize) -> String {
    let count = u.int_in_range(0..=most).unwrap_or_default();
    (0..count).map(|_| one(u, of)).collect()
}

/// A JSON text, now and then not quite.
pub(super) fn json(u: &mut Unstructured<'_>, depth: usize) -> String {
    let kinds = if depth < MOST_DEPTH { 7 } else { 4 };
    match u.int_in_range(0..=kinds).unwrap_or_default() {
        0 => one(u, &["null", "true", "false", "nul", ""]).to_owned(),
        1 | 2 => one(u, &NUMBERS).to_owned(),
        3 | 4 => string(u),
        5 => {
            let count = u.int_in_range(0..=3).unwrap_or_default();
            let list: Vec<String> = (0..count).map(|_| json(u, depth + 1)).collect();
            format!("[{}]", list.join(","))
        }
        _ => {
            let count = u.int_in_range(0..=4).unwrap_or_default();
            let fields: Vec<String> =
                (0..count).map(|_| format!("\"{}\":{}", name(u), json(u, depth + 1))).collect();
            format!("{{{}}}", fields.join(","))
        }
    }
}

/// A name; some are written by escapes.
fn name(u: &mut Unstructured<'_>) -> String {
    let name = one(u, &NAMES);
    match u.ratio(1, 8) {
        Ok(true) => name.replacen('i', r"\u0069", 1),
        _ => name.to_owned(),
    }
}

fn string(u: &mut Unstructured<'_>) -> String {
    format!("\"{}\"", some(u, &STRINGS, 3))
}

/// A Beckn message of which a part or two are replaced.
pub(super) fn message(u: &mut Unstructured<'_>) -> String {
    let mut parts = [
        ("domain", "\"energy:trading:p2p\"".to_owned()),
        ("version", "\"2.0.0\"".to_owned()),
        ("action", format!("\"{}\"", one(u, &ACTIONS))),
        ("timestamp", "\"2026-01-18T10:00:00.000Z\"".to_owned()),
        ("message_id", "\"m-1\"".to_owned()),
        ("transaction_id", "\"t-1\"".to_owned()),
        ("bap_id", "\"bap.example.org\"".to_owned()),
        ("bap_uri", "\"http://127.0.0.1:4000\"".to_owned()),
        ("ttl", "\"PT30S\"".to_owned()),
    ];
    for _ in 0..u.int_in_range(0..=2).unwrap_or_default() {
        let at = u.int_in_range(0..=parts.len() - 1).unwrap_or_default();
        parts[at].1 = json(u, 2);
    }
    let fields: Vec<String> = parts.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    let said = match u.int_in_range(0..=3).unwrap_or_default() {
        0 => r#"{"orderItems":[{"offer_id":"o","quantity":1}]}"#.to_owned(),
        1 => r#"{"order":{"id":"6d8a6a5e-2c7e-4a46-9a58-0f3f3c4a1d1f","status":"ACTIVE"}}"#.to_owned(),
        _ => json(u, 1),
    };
    let more = match u.ratio(1, 4) {
        Ok(true) => format!(",\"{}\":{}", name(u), json(u, 1)),
        _ => String::new(),
    };
    format!("{{\"context\":{{{}}},\"message\":{said}{more}}}", fields.join(","))
}

/// An expression of the seed's language.
pub(super) fn filter(u: &mut Unstructured<'_>) -> String {
    some(u, &TOKENS, 12)
}

/// A JSONPath.
pub(super) fn jsonpath(u: &mut Unstructured<'_>) -> String {
    format!("${}", some(u, &STEPS, 24))
}

/// A URL.
pub(super) fn address(u: &mut Unstructured<'_>) -> String {
    [&SCHEMES[..], &USERS, &HOSTS, &PORTS, &PATHS].map(|of| one(u, of)).concat()
}
