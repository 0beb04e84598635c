//! Why something that was asked for cannot be.

/// A rule of the catalog's values that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A text is too long or holds control characters.
    #[error("{field} must be at most 255 characters without control characters")]
    Text {
        /// Which field.
        field: &'static str,
    },
    /// A text that must be there is empty.
    #[error("{field} must not be empty")]
    Empty {
        /// Which field.
        field: &'static str,
    },
    /// No price of a kWh.
    #[error("a price must be above 0, below 1000000000000, and have at most 6 decimals")]
    Price,
    /// The total is no whole number of blocks.
    #[error("the total must be a whole number of blocks")]
    Blocks,
    /// A window that the database cannot hold.
    #[error("a time window must last at least a microsecond between the years 1970 and 9999")]
    Window,
    /// Too many production windows.
    #[error("an item has at most 100 production windows")]
    ProductionWindows,
    /// No lines, or too many.
    #[error("a reservation has 1 to 100 lines")]
    Lines,
    /// Too many ids at once.
    #[error("at most 1000 ids at once")]
    TooManyIds,
    /// Not a cursor of ours.
    #[error("the cursor is none that a search returned")]
    Cursor,
    /// Too long a page.
    #[error("a page has 1 to 1000 listings")]
    PageSize,
}

impl Invalid {
    /// The stable name that callers go by.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Text { .. } | Self::Empty { .. } => "INVALID_TEXT",
            Self::Price => "INVALID_PRICE",
            Self::Blocks => "INVALID_QUANTITY",
            Self::Window | Self::ProductionWindows => "INVALID_WINDOW",
            Self::Lines => "INVALID_LINES",
            Self::TooManyIds => "INVALID_IDS",
            Self::Cursor => "INVALID_CURSOR",
            Self::PageSize => "INVALID_PAGE_SIZE",
        }
    }
}
