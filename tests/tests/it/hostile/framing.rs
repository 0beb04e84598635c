//! Requests that are no HTTP, or whose end is seen in two places.

use super::Row;

pub fn rows() -> Vec<Row> {
    let post = |headers: &str, body: &str| {
        format!("POST /select HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\r\n{body}")
    };
    let get =
        |headers: &str| format!("GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\r\n");
    let smuggled = "0\r\n\r\nDELETE /api/transactions HTTP/1.1\r\nhost: a\r\n\r\n";
    let both = "not both";
    let mut rows: Vec<Row> = [
        (
            "a length, then chunks",
            post("content-length: 4\r\ntransfer-encoding: chunked\r\n", smuggled),
            both,
        ),
        (
            "chunks, then a length",
            post("transfer-encoding: chunked\r\ncontent-length: 4\r\n", smuggled),
            both,
        ),
        ("two lengths", post("content-length: 4\r\ncontent-length: 5\r\n", "{}   "), "one Content-Length"),
        ("a length twice", post("content-length: 2\r\ncontent-length: 2\r\n", "{}"), "one Content-Length"),
        ("a list of lengths", post("content-length: 2, 2\r\n", "{}"), "must be a number"),
        ("a length with a sign", post("content-length: +2\r\n", "{}"), "must be a number"),
        ("a length beyond 64 bits", post("content-length: 18446744073709551616\r\n", "{}"), "too large"),
        (
            "the largest length of 64 bits",
            post("content-length: 18446744073709551615\r\n", "{}"),
            "too large",
        ),
        ("a file as target", get("").replacen("/health", "file:///etc/passwd", 1), "target"),
        ("half an address as target", get("").replacen("/health", "http://[", 1), "target"),
        ("a LF before the request", format!("\n{}", get("")), "CR and LF"),
        ("a Host with a space", get("").replacen("host: a", "host: a b", 1), "Host cannot"),
        ("a Host with a path", get("").replacen("host: a", "host: a/b", 1), "Host cannot"),
        ("a Host with a user", get("").replacen("host: a", "host: u@a", 1), "Host cannot"),
        ("an empty Host", get("").replacen("host: a", "host:", 1), "Host cannot"),
        ("chunks and more", post("transfer-encoding: chunked, identity\r\n", smuggled), "must be chunked"),
        (
            "chunks twice",
            post("transfer-encoding: chunked\r\nTransfer-Encoding: chunked\r\n", smuggled),
            "must be chunked",
        ),
        ("almost chunks", post("transfer-encoding: xchunked\r\n", smuggled), "must be chunked"),
        (
            "chunks in HTTP/1.0",
            "POST /select HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".into(),
            "HTTP/1.0 has no",
        ),
        ("a space before the colon", post("transfer-encoding : chunked\r\n", smuggled), "cannot be read"),
        ("a folded header", get("a: b\r\n c\r\n"), "cannot be read"),
        ("a header without a colon", get("a\r\n"), "cannot be read"),
        ("a header without a name", get(": a\r\n"), "cannot be read"),
        ("a NUL in a header", get("a: b\0c\r\n"), "cannot be read"),
        ("a CR in a header", get("a: b\rc\r\n"), "cannot be read"),
        ("a LF in a header", get("a: b\nc: d\r\n"), "CR and LF"),
        ("lines that end with LF", "GET /health HTTP/1.1\nhost: a\n\n".into(), "CR and LF"),
        ("no Host", "GET /health HTTP/1.1\r\n\r\n".into(), "one Host"),
        ("two Hosts", get("host: b\r\n"), "one Host"),
        ("no version", "GET /health\r\n\r\n".into(), "cannot be read"),
        ("HTTP/3.0", "GET /health HTTP/3.0\r\nhost: a\r\n\r\n".into(), "cannot be read"),
        ("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), "cannot be read"),
        ("a hello of TLS", "\x16\x03\x01\x00\x05hello\r\n\r\n".into(), "cannot be read"),
        ("a space in the path", "GET /a b HTTP/1.1\r\nhost: a\r\n\r\n".into(), "cannot be read"),
    ]
    .into_iter()
    .map(|(name, bytes, says)| Row::raw(name, bytes, 400, says))
    .collect();
    let chunks = |body: &str| post("transfer-encoding: chunked\r\n", body);
    rows.extend([
        Row::raw("65 headers", get(&"a: b\r\n".repeat(63)), 431, "more than 64 headers"),
        Row::raw("64 headers", get(&"a: b\r\n".repeat(62)), 200, "ok"),
        Row::raw("a head of 17 KB", get(&format!("a: {}\r\n", "b".repeat(17_000))), 431, "16384 bytes"),
        Row::raw(
            "a path of 100 KB",
            format!("GET /{} HTTP/1.1\r\n", "a".repeat(100_000)),
            431,
            "16384 bytes",
        ),
        Row::raw("a chunk that is no number", chunks("x\r\n{}\r\n0\r\n\r\n"), 400, "cannot be read"),
        Row::raw("a trailer", chunks("2\r\n{}\r\n0\r\nX: y\r\n\r\n"), 400, "cannot be read"),
        Row::raw("a trailer that ends with LF", chunks("2\r\n{}\r\n0\r\nX: y\n\r\n"), 400, "cannot be read"),
        Row::raw("a chunk's size and a space", chunks("2 \r\n{}\r\n0\r\n\r\n"), 400, "cannot be read"),
        Row::raw("a chunk beyond 64 bits", chunks("fffffffffffffffff\r\n{}"), 400, "cannot be read"),
        Row::raw(
            "a chunk that is longer than it says",
            chunks("1\r\n{}\r\n0\r\n\r\n"),
            400,
            "cannot be read",
        ),
        Row::raw(
            "a length of 10^18",
            post("content-length: 1000000000000000000\r\n", "{}"),
            413,
            "too large",
        ),
        Row::raw("an unknown method", get("").replacen("GET", "BREW", 1), 405, "Cannot BREW"),
        Row::raw("TRACE", get("").replacen("GET", "TRACE", 1), 405, "Cannot TRACE"),
        Row::raw("a whole URI", get("").replacen("/health", "http://elsewhere/health", 1), 200, "ok"),
        Row::raw("a star", "OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 404, "Cannot"),
        Row::raw("CONNECT", "CONNECT a:1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 404, "Cannot"),
        Row::raw("dots in the path", get("").replacen("/health", "/../../etc/passwd", 1), 404, "Cannot GET"),
    ]);
    rows
}
