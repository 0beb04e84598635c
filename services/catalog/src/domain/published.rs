//! What a network's catalog said of a provider, an item or an offer.

use std::sync::Arc;

use super::{Invalid, Origin};

const MOST_BYTES: usize = 65_536;
/// Half of what an answer may be long.
const MOST_BYTES_A_PAGE: usize = 16 * 1024 * 1024;

/// JSON as it was published, kept to the letter: at most 65,536 bytes; empty when the thing was not published. It is
/// never looked into.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Published(Arc<str>);

impl Published {
    /// Checks and keeps a text of something that came this way; `field` is its name in errors.
    ///
    /// # Errors
    /// When it is too long or holds a NUL, or the thing was made here.
    pub fn parse(text: &str, origin: Origin, field: &'static str) -> Result<Self, Invalid> {
        if text.len() > MOST_BYTES || text.contains('\0') {
            return Err(Invalid::Published { field });
        }
        match origin {
            Origin::Seller if !text.is_empty() => Err(Invalid::PublishedOfSeller { field }),
            Origin::Seller | Origin::Sync => Ok(Self(text.into())),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its length in bytes.
    pub fn bytes(&self) -> usize {
        self.0.len()
    }
}

/// How many of a page's rows, whose texts have so many bytes, go into one answer: the first ones that have 16 MiB
/// together, but at least one.
pub fn fitting(rows: impl IntoIterator<Item = usize>) -> usize {
    let mut together = 0_usize;
    let fits = |bytes: &usize| {
        together = together.saturating_add(*bytes);
        together <= MOST_BYTES_A_PAGE
    };
    rows.into_iter().take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published_is_a_bounded_text_of_what_was_synced() {
        let parse = |text: &str, origin| Published::parse(text, origin, "published");
        for kept in ["", " {\"b\": 1.50,\n \"a\":\"₹\"} ", &"é".repeat(32_768)] {
            assert_eq!(parse(kept, Origin::Sync).map(|published| published.0), Ok(kept.into()));
        }
        for bad in ["a\0b", &"x".repeat(65_537)] {
            assert_eq!(parse(bad, Origin::Sync), Err(Invalid::Published { field: "published" }));
        }
        assert_eq!(parse("", Origin::Seller), Ok(Published::default()));
        assert_eq!(parse("{}", Origin::Seller), Err(Invalid::PublishedOfSeller { field: "published" }));
    }

    #[test]
    fn so_many_rows_go_into_an_answer_as_have_sixteen_mebibytes() {
        assert_eq!(fitting([0; 1_000]), 1_000);
        assert_eq!(fitting([65_536; 300]), 256);
        assert_eq!(fitting([usize::MAX, 1]), 1);
        assert_eq!(fitting([]), 1);
    }
}
