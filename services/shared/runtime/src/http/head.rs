//! What a request's head must be like (RFC 9112), so that all who read it see the same message.

use axum::http::{Uri, uri::Authority};
use httparse::{EMPTY_HEADER, Error, Header, Request, Status};

use super::{HEAD_BYTES, HEADERS, Refused, chunks::Chunks};

/// A length that everybody can count to.
const MOST_LENGTH: u64 = i64::MAX as u64;

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// After so many bytes.
    Length(u64),
    /// By its own word.
    Chunked(Chunks),
}

/// A head that is there: how long it is, and the body that follows.
pub(super) type Head = (usize, Body);

/// Reads a head as far as it has come; none while its end is to come. `seen`: so many bytes were looked at before.
pub(super) fn read(bytes: &[u8], seen: usize) -> Result<Option<Head>, Refused> {
    match end(bytes, seen) {
        Some(length) if length <= HEAD_BYTES => {
            let head = &bytes[..length];
            Ok(Some((length, parse(head)?)))
        }
        None if bytes.len() < HEAD_BYTES => Ok(None),
        _ => Err(Refused::too_large("the head has more than 16384 bytes")),
    }
}

/// Where the first empty line ends, however its lines end.
fn end(bytes: &[u8], seen: usize) -> Option<usize> {
    let from = seen.saturating_sub(3);
    let line_ends = bytes.iter().enumerate().skip(from).filter(|(_, byte)| **byte == b'\n');
    let mut ends = line_ends.filter_map(|(at, _)| match &bytes[at + 1..] {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    });
    ends.next()
}

fn parse(head: &[u8]) -> Result<Body, Refused> {
    let broken = Refused::bad("the head of the request cannot be read");
    let lone = |(at, byte): (usize, &u8)| *byte == b'\n' && (at == 0 || head[at - 1] != b'\r');
    if head.iter().enumerate().any(lone) {
        return Err(Refused::bad("a line of the head does not end with CR and LF"));
    }
    let mut headers = [EMPTY_HEADER; HEADERS];
    let mut request = Request::new(&mut headers);
    match request.parse(head) {
        Ok(Status::Complete(length)) if length == head.len() => {}
        Err(Error::TooManyHeaders) => return Err(Refused::too_large("the head has more than 64 headers")),
        Ok(_) | Err(_) => return Err(broken),
    }
    let is_old = request.version != Some(1);
    let values = |name: &str| {
        let named = request.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        named.collect::<Vec<&Header<'_>>>()
    };
    if request.path.is_none_or(|target| target.parse::<Uri>().is_err()) {
        return Err(Refused::bad("the target of the request cannot be read"));
    }
    match values("host").as_slice() {
        [] if is_old => {}
        [host] if is_authority(host.value) => {}
        [_] => return Err(Refused::bad("Host cannot be read")),
        _ => return Err(Refused::bad("a request has one Host")),
    }
    let (length, encoding) = (values("content-length"), values("transfer-encoding"));
    match (length.as_slice(), encoding.as_slice()) {
        ([], []) => Ok(Body::Length(0)),
        ([length], []) => {
            let digits = std::str::from_utf8(length.value).ok();
            let digits =
                digits.filter(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
            let digits = digits.ok_or(Refused::bad("Content-Length must be a number"))?;
            // Of what hyper cannot count to either.
            let length = digits.parse().ok().filter(|length| *length <= MOST_LENGTH);
            length.map(Body::Length).ok_or(Refused::bad("Content-Length is too large"))
        }
        ([], [_]) if is_old => Err(Refused::bad("HTTP/1.0 has no Transfer-Encoding")),
        ([], [encoding]) if encoding.value.eq_ignore_ascii_case(b"chunked") => {
            Ok(Body::Chunked(Chunks::Begin))
        }
        ([], [_, ..]) => Err(Refused::bad("Transfer-Encoding must be chunked")),
        (_, []) => Err(Refused::bad("a request has one Content-Length")),
        (_, _) => Err(Refused::bad("a request has Content-Length or Transfer-Encoding, not both")),
    }
}

/// A host and perhaps a port.
fn is_authority(value: &[u8]) -> bool {
    !value.contains(&b'@') && Authority::try_from(value).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(head: &str) -> Result<Option<Head>, Refused> {
        read(head.as_bytes(), 0)
    }

    #[test]
    fn a_head_says_how_its_body_ends() {
        for (headers, body) in [
            ("", Body::Length(0)),
            ("content-length: 12\r\n", Body::Length(12)),
            ("Transfer-Encoding:Chunked\r\n", Body::Chunked(Chunks::Begin)),
        ] {
            let head = format!("POST /x HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
            assert_eq!(of(&format!("{head}more")), Ok(Some((head.len(), body))), "{head:?}");
            for cut in 0..head.len() {
                assert_eq!(of(&head[..cut]), Ok(None), "{head:?} cut at {cut}");
                assert_eq!(read(head.as_bytes(), cut), Ok(Some((head.len(), body))), "{head:?} from {cut}");
            }
        }
    }

    #[test]
    fn the_limits_are_exact() {
        let with = |headers: usize, bytes: usize| {
            let many = "a: b\r\n".repeat(headers - 2);
            let head = format!("GET / HTTP/1.1\r\nhost: a\r\n{many}pad: ");
            format!("{head}{}\r\n\r\n", "x".repeat(bytes - head.len() - 4))
        };
        assert!(of(&with(64, 16_384)).unwrap().is_some());
        assert_eq!(of(&with(65, 1_000)).unwrap_err().why, "the head has more than 64 headers");
        assert_eq!(of(&with(64, 16_385)).unwrap_err().why, "the head has more than 16384 bytes");
        assert_eq!(of(&"x".repeat(16_384)).unwrap_err().status, 431);
    }
}
