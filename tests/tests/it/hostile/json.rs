//! Bodies that are no JSON, or JSON that means different things to different readers.

use serde_json::json;

use super::Row;
use crate::{
    beckn::{self, Message},
    client::{ALPHA, Client},
};

const TWICE: &str = "twice in one object";
const DEEP: &str = "nested too deeply";

pub fn rows(client: &Client) -> Vec<Row> {
    let select = Message::new(client, "select", "t-hostile", beckn::select(ALPHA, &json!(1))).text();
    let with = |part: &str| select.replacen("\"message\":{", &format!("\"message\":{{\"part\":{part},"), 1);
    assert!(with("1").contains("\"part\":1,"));
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let many: Vec<String> = (0..9_000).map(|n| format!("\"k{n}\":1")).collect();
    let many_twice = format!("{{{},\"k0\":1}}", many.join(","));
    let mut rows: Vec<Row> = [
        ("33 levels in a part that nobody reads", with(&nested(31)), DEEP),
        ("10,000 objects that do not end", "{\"a\":".repeat(10_000), DEEP),
        ("100,000 lists that do not end", "[".repeat(100_000), "must be a JSON object"),
        ("the context twice", select.replacen('{', "{\"context\":{},", 1), TWICE),
        ("a key twice in a part that nobody reads", with(r#"[{"a":1,"a":2}]"#), TWICE),
        ("a key twice, once escaped", with(r#"{"a":1,"\u0061":2}"#), TWICE),
        ("a key twice among 9,000", with(&many_twice), TWICE),
        ("bap_id twice", select.replacen("\"bap_id\":", "\"bap_id\":\"bap.other\",\"bap_id\":", 1), TWICE),
        ("a key twice in a quantity", with(r#"{"quantity":{"count":1,"count":2}}"#), TWICE),
        ("a NUL in a text", with(r#""a\u0000b""#), "NUL in a text"),
        ("a NUL in a key", with(r#"{"a\u0000b":1}"#), "NUL in a text"),
        ("a NUL as it is", with("\"a\0b\""), "control character"),
        ("a NUL between values", with("\0"), "cannot be read"),
        ("half a character, the first", with(r#""\ud83c""#), "cannot be read"),
        ("half a character, the second", with(r#""\udf1e""#), "surrogate"),
        ("two halves in the wrong order", with(r#""\udf1e\ud83c""#), "surrogate"),
        ("half a character in a key", with(r#"{"\ud83c":1}"#), "cannot be read"),
        ("1e999", with("1e999"), "number out of range"),
        ("-1e999", with("[-1e999]"), "number out of range"),
        ("400 digits", with(&"9".repeat(400)), "number out of range"),
        ("a byte order mark", format!("\u{feff}{select}"), "must be a JSON object"),
        ("its end missing", select[..select.len() - 5].to_owned(), "EOF"),
        ("something after it", format!("{select}x"), "trailing characters"),
        ("two messages", format!("{select}{select}"), "trailing characters"),
        ("a list", format!("[{select}]"), "must be a JSON object"),
        ("a text", "\"select\"".into(), "must be a JSON object"),
        ("null", "null".into(), "must be a JSON object"),
        ("nothing", String::new(), "must be a JSON object"),
        ("spaces", " \r\n\t".into(), "must be a JSON object"),
        ("a form", "context=a&message=b".into(), "must be a JSON object"),
        ("NaN", with("NaN"), "cannot be read"),
        ("Infinity", with("-Infinity"), "cannot be read"),
        ("a leading zero", with("01"), "invalid number"),
        ("a plus", with("+1"), "cannot be read"),
        ("hexadecimal", with("0x10"), "cannot be read"),
        ("a comma too many", with("[1,]"), "trailing comma"),
        ("a comment", with("/* */ 1"), "cannot be read"),
        ("single quotes", select.replace('"', "'"), "cannot be read"),
        ("an unknown escape", with(r#""\x41""#), "invalid escape"),
        ("a line end in a text", with("\"a\nb\""), "control character"),
        (
            "a context that is a list",
            r#"{"context":[],"message":{}}"#.into(),
            "context must be a JSON object",
        ),
        ("a context that is null", r#"{"context":null,"message":{}}"#.into(), "context is required"),
        ("a message that is a list", r#"{"message":[]}"#.into(), "context is required"),
        ("a key that is none", r#"{1:2}"#.into(), "key must be a string"),
    ]
    .into_iter()
    .map(|(name, body, says)| Row::post(name, "/select", body, 400, says))
    .collect();
    let broken: [(&str, &[u8]); 5] = [
        ("FF", b"\xff"),
        ("an overlong slash", b"\xc0\xaf"),
        ("an overlong NUL", b"\xc0\x80"),
        ("half a character in UTF-8", b"\xed\xa0\x80"),
        ("a character's beginning", b"\xe2\x82"),
    ];
    let cut = select.find("t-hostile").unwrap();
    rows.extend(broken.map(|(name, bytes)| {
        let body = [&select.as_bytes()[..cut], bytes, &select.as_bytes()[cut..]].concat();
        Row::post(name, "/select", body, 400, "is not UTF-8 at byte")
    }));
    let wide: Vec<u8> = select.encode_utf16().flat_map(u16::to_le_bytes).collect();
    rows.push(Row::post("UTF-16", "/select", wide, 400, "cannot be read"));
    let large = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes));
    rows.extend([
        Row::post("256 KB", "/select", large(256 * 1024), 413, "too large"),
        Row::post("4 MB", "/callbacks/on_discover", large(4 * 1024 * 1024), 413, "too large"),
        Row::post("a key twice", "/callbacks/on_discover", r#"{"context":1,"context":1}"#, 400, TWICE),
        Row::post("too deep", "/callbacks/on_select", format!("{{\"a\":{}}}", nested(32)), 400, DEEP),
        Row::post("a key twice", "/discover", r#"{"a":{"b":1,"b":1}}"#, 400, TWICE),
    ]);
    for path in ["/api/select", "/seller/offers", "/seller/register", "/sync/offer", "/sync/blocks"] {
        rows.extend([
            Row::post("a key twice", path, r#"{"more":[{"b":1,"b":1}]}"#, 400, TWICE),
            Row::post("too deep", path, format!("{{\"more\":{}}}", nested(32)), 400, DEEP),
            Row::post("half a character", path, r#"{"more":"\ud800"}"#, 400, "cannot be read"),
            Row::post("a list", path, "[]", 400, "must be a JSON object"),
        ]);
    }
    rows
}
