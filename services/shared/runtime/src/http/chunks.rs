//! Where a chunked body ends (RFC 9112, 7.1), told strictly: a line ends with CR and LF, nothing stands around a chunk's
//! size, and there are no trailers, which nobody here reads. What is anything else has no end: hyper, who is more lenient,
//! gets none of it, so that the two never see the end in two places.

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunks {
    /// The first digit of a chunk's size.
    Begin,
    /// More of a size in hexadecimal, an extension, or the line's end.
    Size(u64),
    /// An extension: ignored.
    Extension(u64),
    /// The LF of a line with that size.
    SizeLf(u64),
    /// So many bytes.
    Content(u64),
    /// The CR after them.
    ContentCr,
    /// The LF after them.
    ContentLf,
    /// The CR that ends the body.
    EndCr,
    /// The LF that ends it.
    EndLf,
    /// Over.
    Ended,
    /// It is no chunked body, from here on.
    Lost,
}

impl Chunks {
    /// Goes on through these bytes. Answers how many of them belong to the body.
    pub fn follow(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() && !matches!(self, Self::Ended | Self::Lost) {
            if let Self::Content(left) = *self {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - at);
                at += here;
                let left = left - here as u64;
                *self = if left == 0 { Self::ContentCr } else { Self::Content(left) };
                continue;
            }
            *self = self.after(bytes[at]);
            at += usize::from(*self != Self::Lost);
        }
        at
    }

    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Begin, _) => digit(byte).map_or(Self::Lost, Self::Size),
            (Self::Size(size) | Self::Extension(size), b'\r') => Self::SizeLf(size),
            (Self::Size(size), b';') => Self::Extension(size),
            (Self::Size(size), _) => match (digit(byte), size.checked_mul(16)) {
                (Some(digit), Some(size)) => Self::Size(size + digit),
                _ => Self::Lost,
            },
            (Self::Extension(size), b'\t' | b' '..=b'~' | 0x80..) => Self::Extension(size),
            (Self::SizeLf(0), b'\n') => Self::EndCr,
            (Self::SizeLf(size), b'\n') => Self::Content(size),
            (Self::ContentCr, b'\r') => Self::ContentLf,
            (Self::ContentLf, b'\n') => Self::Begin,
            (Self::EndCr, b'\r') => Self::EndLf,
            (Self::EndLf, b'\n') => Self::Ended,
            _ => Self::Lost,
        }
    }
}

fn digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunked_body_ends_where_it_ends_however_it_is_cut() {
        let next = "GET / HTTP/1.1\r\n\r\n";
        for body in [
            "0\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "1\r\na\r\n1;x=\"y\"\r\nb\r\n0;z\r\n\r\n",
            "A\r\n\r\n0\r\n\r\nabc\r\n000\r\n\r\n",
        ] {
            let all = format!("{body}{next}");
            for cut in 1..all.len() {
                let (first, second) = all.as_bytes().split_at(cut);
                let mut chunks = Chunks::Begin;
                let mut long = chunks.follow(first);
                if long == first.len() {
                    long += chunks.follow(second);
                }
                assert_eq!((long, chunks), (body.len(), Chunks::Ended), "{body:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn what_is_no_chunk_has_no_end() {
        for (fit, rest) in [
            ("", "x\r\n"),
            ("", "-1\r\n"),
            ("", "\r\n"),
            ("", " 1\r\na\r\n0\r\n\r\n"),
            ("1", " \r\na\r\n0\r\n\r\n"),
            ("1", "\na\r\n"),
            ("1;a", "\nb\r\na\r\n0\r\n\r\n"),
            ("1;a\r", "b\r\n"),
            ("1111111111111111", "1\r\n"),
            ("1\r\na", "bc\r\n"),
            ("1\r\na", "\n0\r\n\r\n"),
            ("1\r\na\r", "\r\n0\r\n\r\n"),
            ("0\r\n", "\n"),
            ("0\r\n", "X: y\r\n\r\n"),
            ("0\r\n", "X: y\n\r\n\r\n"),
            ("0\r\n\r", "\r\n"),
        ] {
            let all = format!("{fit}{rest}");
            for cut in 0..all.len() {
                let (first, second) = all.as_bytes().split_at(cut);
                let mut chunks = Chunks::Begin;
                let mut long = chunks.follow(first);
                if chunks != Chunks::Lost {
                    long += chunks.follow(second);
                }
                assert_eq!((long, chunks), (fit.len(), Chunks::Lost), "{all:?} cut at {cut}");
            }
        }
    }
}
