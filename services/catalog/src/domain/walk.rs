//! In which order offers are looked at to find those that pass a filter, and how many at most.

use super::{Filter, PageSize, Search};

/// A way through the offers, along an index. Each looks at a bounded number of its entries, whatever the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    /// From the lowest price on: fills the page soon unless what is looked for is rare.
    ByPrice,
    /// Through those that end about when the wanted window does: sees all that overlap it, if they are few.
    ByWindow,
    /// Through those that were large enough when they were whole: sees all of them, if they are few.
    BySize,
}

/// A page is found by price when one offer in so many passes the filter.
const BY_PRICE_PER_LISTING: usize = 100;
const LEAST_BY_PRICE: usize = 10_000;
/// Where one offer in a hundred passes, twice as many as a million offers have of them.
const MOST_ASIDE: usize = 20_000;

impl Search {
    /// The ways to try, one after the other, until one sees all that the page needs.
    pub fn walks(&self) -> Vec<Walk> {
        let Filter { source_type: _, min_available, window } = &self.filter;
        let by_window = window.map(|_| Walk::ByWindow);
        let by_size = (!min_available.is_zero()).then_some(Walk::BySize);
        [Some(Walk::ByPrice), by_window, by_size].into_iter().flatten().collect()
    }
}

impl Walk {
    /// How many entries of the index are looked at, at a time, for such a page.
    pub fn most_entries(self, page: PageSize) -> usize {
        match self {
            Self::ByPrice => LEAST_BY_PRICE.max(BY_PRICE_PER_LISTING * page.listings()),
            Self::ByWindow | Self::BySize => MOST_ASIDE,
        }
    }
}

#[cfg(test)]
mod tests {
    use p2p_domain::{Energy, TimeWindow};

    use super::*;

    #[test]
    fn only_what_is_asked_for_is_walked_by() {
        let at = |hour: u32| format!("2026-01-18T{hour:02}:00:00Z").parse().unwrap();
        let window = TimeWindow::new(at(10), at(14)).ok();
        let walks = |min_available, window| {
            let filter = Filter { min_available, window, ..Filter::default() };
            Search { filter, page: PageSize::new(0).unwrap(), after: None }.walks()
        };
        assert_eq!(walks(Energy::ZERO, None), [Walk::ByPrice]);
        assert_eq!(walks(Energy::ZERO, window), [Walk::ByPrice, Walk::ByWindow]);
        assert_eq!(walks(Energy::KWH, None), [Walk::ByPrice, Walk::BySize]);
        assert_eq!(walks(Energy::KWH, window), [Walk::ByPrice, Walk::ByWindow, Walk::BySize]);
    }

    #[test]
    fn a_longer_page_may_look_at_more() {
        let most = |walk: Walk, page| walk.most_entries(PageSize::new(page).unwrap());
        assert_eq!((most(Walk::ByPrice, 1), most(Walk::ByPrice, 100)), (10_000, 10_000));
        assert_eq!((most(Walk::ByPrice, 1_000), most(Walk::BySize, 1_000)), (100_000, 20_000));
    }
}
