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
const ACTIONS: [&str; 14] = [
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
    "catalog/publish",
    "catalog/on_publish",
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

/// A message of the LTS profile of which a part or two are replaced.
pub(super) fn lts(u: &mut Unstructured<'_>) -> String {
    let mut parts = [
        ("version", "\"2.0.0\"".to_owned()),
        ("action", format!("\"{}\"", one(u, &ACTIONS))),
        ("timestamp", "\"2026-01-18T10:00:00.000Z\"".to_owned()),
        ("messageId", "\"00000000-0000-4000-8000-000000000002\"".to_owned()),
        ("transactionId", "\"7c1f2f0e-5a0b-4d53-9f1c-2f6b7f6f0a11\"".to_owned()),
        ("bapId", "\"bap.example.org\"".to_owned()),
        ("bapUri", "\"http://127.0.0.1:4000\"".to_owned()),
        ("bppId", "\"bpp.example.org\"".to_owned()),
        ("bppUri", "\"http://127.0.0.1:4000\"".to_owned()),
        ("ttl", "\"PT30S\"".to_owned()),
    ];
    if u.ratio(1, 3).unwrap_or_default() {
        let at = u.int_in_range(0..=parts.len() - 1).unwrap_or_default();
        parts[at].1 = json(u, 2);
    }
    let fields: Vec<String> = parts.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    let said = match u.int_in_range(0..=3).unwrap_or_default() {
        0 => format!("{{\"catalogs\":[{}]}}", lts_catalog(u)),
        1 => json(u, 1),
        _ => format!("{{\"contract\":{}}}", lts_contract(u)),
    };
    let more =
        if u.ratio(1, 8).unwrap_or_default() { format!(",\"error\":{}", json(u, 1)) } else { String::new() };
    format!("{{\"context\":{{{}}},\"message\":{said}{more}}}", fields.join(","))
}

/// This, or now and then anything.
fn or_anything(u: &mut Unstructured<'_>, usual: &str) -> String {
    if u.ratio(1, 10).unwrap_or_default() { json(u, 4) } else { usual.to_owned() }
}

fn lts_series(u: &mut Unstructured<'_>) -> String {
    let start = or_anything(u, "\"2026-01-19T10:00:00Z\"");
    let duration = or_anything(u, "\"PT1H\"");
    let count = u.int_in_range(0..=3).unwrap_or_default();
    let intervals: Vec<String> = (0..count)
        .map(|id| {
            let [price, available, requested] = [0; 3].map(|_| one(u, &NUMBERS));
            format!(
                "{{\"id\":{id},\"payloads\":[{{\"type\":\"PRICE_PER_KWH\",\"values\":[{price}]}},\
                 {{\"type\":\"AVAILABLE_QTY\",\"values\":[{available}]}},\
                 {{\"type\":\"REQUESTED_QTY\",\"values\":[{requested}]}}]}}"
            )
        })
        .collect();
    format!(
        "{{\"intervalPeriod\":{{\"start\":{start},\"duration\":{duration}}},\
         \"payloadDescriptors\":[{{\"payloadType\":\"PRICE_PER_KWH\",\"currency\":\"INR\"}}],\
         \"intervals\":[{}]}}",
        intervals.join(",")
    )
}

fn lts_contract(u: &mut Unstructured<'_>) -> String {
    let (series, resource) = (lts_series(u), or_anything(u, "{\"id\":\"r\"}"));
    let (offer, id) = (or_anything(u, "{\"id\":\"o\"}"), or_anything(u, "\"contract-1\""));
    let (participants, settlements) = (or_anything(u, "[{\"id\":\"p\"}]"), or_anything(u, "[{}]"));
    format!(
        "{{\"id\":{id},\"commitments\":[{{\"resources\":[{resource}],\"offer\":{offer},\
         \"commitmentAttributes\":{series}}}],\"participants\":{participants},\"settlements\":{settlements}}}"
    )
}

fn lts_catalog(u: &mut Unstructured<'_>) -> String {
    let (series, provider) =
        (lts_series(u), or_anything(u, "{\"id\":\"p\",\"descriptor\":{\"name\":\"P\"}}"));
    let (resource, ids) = (or_anything(u, "{\"id\":\"r\"}"), or_anything(u, "[\"r\"]"));
    format!(
        "{{\"id\":\"c\",\"provider\":{provider},\"resources\":[{resource}],\"offers\":[{{\"id\":\"o\",\
         \"resourceIds\":{ids},\"offerAttributes\":{{\"commitmentAttributes\":{series}}}}}]}}"
    )
}

/// An Authorization header of which a part is replaced.
pub(super) fn signature(u: &mut Unstructured<'_>) -> String {
    let mut parts = [
        "Signature keyId=\"a.example|k1|ed25519\"".to_owned(),
        "algorithm=\"ed25519\"".to_owned(),
        "created=\"1777111800\"".to_owned(),
        "expires=\"1777112100\"".to_owned(),
        "headers=\"(created) (expires) digest\"".to_owned(),
        format!("signature=\"{}\"", "A".repeat(86) + "=="),
    ];
    let at = u.int_in_range(0..=parts.len()).unwrap_or_default();
    if let Some(part) = parts.get_mut(at) {
        *part = some(u, &STRINGS, 3);
    }
    parts.join(one(u, &[",", ", ", ",,", " "]))
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
