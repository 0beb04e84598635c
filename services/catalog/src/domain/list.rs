//! Lists, oldest first, page by page.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};

use super::{
    Invalid, PageSize, Published, fitting,
    opaque::{hex, unhex},
};

/// The place in a list right behind one of its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// When the row was made, to the microsecond.
    pub created_at: DateTime<Utc>,
    /// Its id.
    pub id: Box<str>,
}

/// Some rows of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// Oldest first.
    pub rows: Vec<T>,
    /// Where the next page begins, if there is one.
    pub next: Option<Place>,
}

impl Place {
    /// Before all rows.
    pub fn front() -> Self {
        Self { created_at: DateTime::UNIX_EPOCH, id: "".into() }
    }
}

impl<T> Page<T> {
    /// From rows with their places: one more than the page has if more follow. It is shorter where so much was
    /// published of its rows that they do not fit into one answer.
    pub fn cut(mut rows: Vec<(Place, T)>, size: PageSize, published: impl Fn(&T) -> &Published) -> Self {
        let most = size.listings().min(fitting(rows.iter().map(|(_, row)| published(row).bytes())));
        let more = rows.len() > most;
        rows.truncate(most);
        let next = rows.last().filter(|_| more).map(|(place, _)| place.clone());
        Self { rows: rows.into_iter().map(|(_, row)| row).collect(), next }
    }
}

/// Opaque to clients: microseconds since 1970, a space and the id, in hexadecimal digits.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&format!("{} {}", self.created_at.timestamp_micros(), self.id)))
    }
}

impl FromStr for Place {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let plain = unhex(text).filter(|plain| !plain.contains('\0')).ok_or(Invalid::Cursor)?;
        let (micros, id) = plain.split_once(' ').ok_or(Invalid::Cursor)?;
        let created_at =
            micros.parse().ok().and_then(DateTime::from_timestamp_micros).ok_or(Invalid::Cursor)?;
        // Earlier and later ones are no place in any list, and not all of them fit into the database.
        let in_range = (DateTime::UNIX_EPOCH..DateTime::<Utc>::MAX_UTC).contains(&created_at);
        if in_range { Ok(Self { created_at, id: id.into() }) } else { Err(Invalid::Cursor) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(at: &str, id: &str) -> Place {
        Place { created_at: at.parse().unwrap(), id: id.into() }
    }

    #[test]
    fn a_place_survives_the_wire() {
        for place in [place("2026-11-25T13:55:00.123456Z", "offer a b"), Place::front()] {
            assert_eq!(place.to_string().parse(), Ok(place));
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for bad in
            ["1", "x y", "9223372036854775807 a", "-1 a", "1 a\0b"].map(hex).iter().chain(&["zz".to_owned()])
        {
            assert_eq!(bad.parse::<Place>(), Err(Invalid::Cursor), "{bad:?}");
        }
    }

    #[test]
    fn a_page_says_where_the_next_begins_only_when_more_follow() {
        let rows = || ["a", "b", "c"].map(|id| (place("2026-11-25T13:55:00Z", id), id)).to_vec();
        let nothing = Published::default();
        let cut = |size| Page::cut(rows(), PageSize::new(size).unwrap(), |_| &nothing);
        assert_eq!(cut(2), Page { rows: vec!["a", "b"], next: Some(place("2026-11-25T13:55:00Z", "b")) });
        assert_eq!(cut(3), Page { rows: vec!["a", "b", "c"], next: None });
    }
}
