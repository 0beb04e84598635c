//! What a buyer looks for, and where a page begins.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Datelike, SubsecRound, Utc};
use p2p_domain::{Energy, OfferId, TimeWindow};
use rust_decimal::Decimal;

use super::{
    Invalid, Label, Listing,
    opaque::{hex, unhex},
};

const MICROS: u16 = 6;
const YEARS: std::ops::RangeInclusive<i32> = 1970..=9999;

/// Conditions; what is absent does not filter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Equal to the item's source type, in capitals.
    pub source_type: Option<Label>,
    /// At least so much can still be sold of one offer.
    pub min_available: Energy,
    /// Overlaps the offer's window.
    pub window: Option<TimeWindow>,
}

/// How many listings at once: 1 to 1,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(u16);

/// The place in the list of offers, by price and id, right behind one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The price of a kWh.
    pub price: Decimal,
    /// The offer's id.
    pub offer: OfferId,
}

/// A page of the live offers that pass a filter.
#[derive(Debug, Clone)]
pub struct Search {
    /// What to look for.
    pub filter: Filter,
    /// How many.
    pub page: PageSize,
    /// Where to begin; at the front if there is none.
    pub after: Option<Cursor>,
}

impl Filter {
    /// Whether enough can still be sold of an offer whose source, window and size pass.
    pub fn admits(&self, listing: &Listing) -> bool {
        let sellable = listing.sellable();
        !sellable.is_zero() && sellable >= self.min_available
    }
}

impl PageSize {
    const DEFAULT: Self = Self(100);
    const MOST: u16 = 1_000;

    /// 0 means 100.
    ///
    /// # Errors
    /// When it is above 1,000.
    pub fn new(size: u32) -> Result<Self, Invalid> {
        match u16::try_from(size) {
            Ok(0) => Ok(Self::DEFAULT),
            Ok(size @ 1..=Self::MOST) => Ok(Self(size)),
            _ => Err(Invalid::PageSize),
        }
    }

    /// 1 to 1,000.
    pub fn listings(self) -> usize {
        self.0.into()
    }

    /// One more, which tells whether anything follows.
    pub fn and_one(self) -> i64 {
        i64::from(self.0) + 1
    }
}

impl Cursor {
    /// Right behind this listing.
    pub fn behind(listing: &Listing) -> Self {
        Self { price: listing.offer.price.money().amount(), offer: listing.offer.id.clone() }
    }
}

/// The text is opaque to clients: the price, a space and the offer's id, in hexadecimal digits.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&format!("{} {}", self.price, self.offer)))
    }
}

impl FromStr for Cursor {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let plain = unhex(text).ok_or(Invalid::Cursor)?;
        let (price, offer) = plain.split_once(' ').ok_or(Invalid::Cursor)?;
        match (price.parse(), offer.parse()) {
            (Ok(price), Ok(offer)) => Ok(Self { price, offer }),
            _ => Err(Invalid::Cursor),
        }
    }
}

/// The window as the database keeps it: to the microsecond, between the years 1970 and 9999.
///
/// # Errors
/// When it lies outside or is shorter.
pub fn storable(window: TimeWindow) -> Result<TimeWindow, Invalid> {
    let instant = |at: DateTime<Utc>| {
        if YEARS.contains(&at.year()) { Ok(at.trunc_subsecs(MICROS)) } else { Err(Invalid::Window) }
    };
    TimeWindow::new(instant(window.start())?, instant(window.end())?).map_err(|_too_short| Invalid::Window)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_the_wire() {
        for (price, id) in [("0.08", "offer-beta-afternoon"), ("999999999999.999999", "a b c")] {
            let cursor = Cursor { price: price.parse().unwrap(), offer: OfferId::parse(id).unwrap() };
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for bad in ["0", "zz", "é", "00", &hex("0.08"), &hex("0.08 "), &hex("x offer"), &hex("1 \u{e9}")] {
            assert_eq!(bad.parse::<Cursor>(), Err(Invalid::Cursor), "{bad:?}");
        }
    }

    #[test]
    fn a_page_has_one_hundred_listings_unless_said_otherwise() {
        assert_eq!(PageSize::new(0).unwrap().listings(), 100);
        assert_eq!(PageSize::new(1_000).unwrap().listings(), 1_000);
        assert_eq!(PageSize::new(1_001), Err(Invalid::PageSize));
        assert_eq!(PageSize::new(65_536), Err(Invalid::PageSize));
    }

    #[test]
    fn a_window_is_kept_to_the_microsecond() {
        let window = |start: &str, end: &str| {
            storable(TimeWindow::new(start.parse().unwrap(), end.parse().unwrap()).unwrap())
        };
        let (start, end) = ("2026-01-18T10:00:00.0000011Z", "2026-01-18T10:00:00.0000019Z");
        assert_eq!(window(start, end), Err(Invalid::Window));
        assert_eq!(window("1969-12-31T23:59:59Z", "2026-01-18T10:00:00Z"), Err(Invalid::Window));
        assert!(window("2026-01-18T10:00:00Z", "9999-12-31T23:59:59Z").is_ok());
    }
}
