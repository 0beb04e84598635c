//! Where a chunked body ends (RFC 9112, 7.1). It only follows the bytes; hyper reads them, and refuses what is wrong.

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunks {
    /// A chunk's size in hexadecimal, as far as it was read.
    Size(u64),
    /// An extension: ignored to the end of its line.
    Extension(u64),
    /// So many bytes.
    Content(u64),
    /// The line's end after them.
    ContentEnd,
    /// A line of trailers, or the empty one that ends the body.
    Trailer,
    /// The rest of a trailer.
    TrailerRest,
    /// Over.
    Ended,
    /// It is no chunked body: nobody can say where it ends, and hyper closes the connection.
    Lost,
}

impl Chunks {
    pub const BEGIN: Self = Self::Size(0);

    /// Goes on through these bytes. Answers how many of them belong to the body.
    pub fn follow(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while *self != Self::Ended && at < bytes.len() {
            match *self {
                Self::Content(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - at);
                    at += here;
                    let left = left - here as u64;
                    *self = if left == 0 { Self::ContentEnd } else { Self::Content(left) };
                }
                Self::Lost => at = bytes.len(),
                _ => {
                    *self = self.after(bytes[at]);
                    at += 1;
                }
            }
        }
        at
    }

    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Size(0) | Self::Extension(0), b'\n') => Self::Trailer,
            (Self::Size(size) | Self::Extension(size), b'\n') => Self::Content(size),
            (Self::Size(size), b';' | b' ' | b'\t' | b'\r') => Self::Extension(size),
            (Self::Size(size), _) => match (char::from(byte).to_digit(16), size.checked_mul(16)) {
                (Some(digit), Some(size)) => Self::Size(size + u64::from(digit)),
                _ => Self::Lost,
            },
            (Self::Extension(_), _) => self,
            (Self::ContentEnd, b'\r') => Self::ContentEnd,
            (Self::ContentEnd, b'\n') => Self::BEGIN,
            (Self::Trailer, b'\r') => Self::Trailer,
            (Self::Trailer, b'\n') => Self::Ended,
            (Self::TrailerRest, b'\n') => Self::Trailer,
            (Self::Trailer | Self::TrailerRest, _) => Self::TrailerRest,
            (Self::Content(_) | Self::ContentEnd | Self::Ended | Self::Lost, _) => Self::Lost,
        }
    }
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
            "A\r\n\r\n0\r\n\r\nabc\r\n000\r\nX: y\r\nZ: 0\r\n\r\n",
        ] {
            let all = format!("{body}{next}");
            for cut in 1..all.len() {
                let (first, second) = all.as_bytes().split_at(cut);
                let mut chunks = Chunks::BEGIN;
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
        for body in ["x\r\n", "-1\r\n", "11111111111111111\r\n", "1\r\nabc\r\n"] {
            let mut chunks = Chunks::BEGIN;
            assert_eq!((chunks.follow(body.as_bytes()), chunks), (body.len(), Chunks::Lost), "{body:?}");
        }
    }
}
