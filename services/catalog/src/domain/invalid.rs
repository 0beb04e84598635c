//! Why something that was asked for cannot be.

use p2p_domain::EnergyError;

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
    /// No quantity of energy.
    #[error("{field}: {rule}")]
    Energy {
        /// Which field.
        field: &'static str,
        /// What it breaks.
        rule: EnergyError,
    },
    /// No price of a kWh.
    #[error("price_per_kwh must be above 0, below 1000000000000, and have at most 6 decimals")]
    Price,
    /// The total is nothing, or no whole number of blocks.
    #[error("total_wh must be a positive whole number of blocks of block_wh")]
    Blocks,
    /// A window that the database cannot hold.
    #[error("a time window must last at least a microsecond between the years 1970 and 9999")]
    Window,
    /// Too many production windows.
    #[error("an item has at most 100 production windows")]
    ProductionWindows,
    /// No id of a BPP.
    #[error("bpp_id must be 1 to 255 printable ASCII characters without spaces around them")]
    BppId,
    /// No address of a BPP.
    #[error(
        "bpp_uri must be an http or https URL of at most 2048 printable characters, without user, query and fragment"
    )]
    BppUri,
    /// Half a BPP.
    #[error("bpp_id and bpp_uri must be given both or not at all")]
    HalfBpp,
    /// A seller of ours with another BPP.
    #[error("bpp_id and bpp_uri must be empty unless origin is ORIGIN_SYNC")]
    BppOfSeller,
    /// A seller of ours with another BPP's profile.
    #[error("profile must be PROFILE_SEED unless origin is ORIGIN_SYNC")]
    ProfileOfSeller,
    /// A published text that cannot be kept.
    #[error("{field} must be at most 65536 bytes without NUL")]
    Published {
        /// Which field.
        field: &'static str,
    },
    /// Something of ours that a network published.
    #[error("{field} must be empty unless origin is ORIGIN_SYNC")]
    PublishedOfSeller {
        /// Which field.
        field: &'static str,
    },
    /// A number that the enum does not have.
    #[error("{field} is {value}, which means nothing")]
    Unknown {
        /// Which field.
        field: &'static str,
        /// What it says.
        value: i32,
    },
    /// No numbers of blocks, or too many.
    #[error("blocks must be 1 to 10000 numbers")]
    BlockNumbers,
    /// No lines, or too many.
    #[error("a reservation has 1 to 100 lines")]
    Lines,
    /// Too many ids at once.
    #[error("at most 1000 ids at once")]
    TooManyIds,
    /// Not a cursor of ours.
    #[error("the cursor is none that was returned")]
    Cursor,
    /// Too long a page.
    #[error("page_size must be at most 1000")]
    PageSize,
}

impl Invalid {
    /// The stable name that callers go by.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Text { .. } | Self::Empty { .. } => "INVALID_TEXT",
            Self::Price => "INVALID_PRICE",
            Self::Energy { .. } | Self::Blocks => "INVALID_QUANTITY",
            Self::Window | Self::ProductionWindows => "INVALID_WINDOW",
            Self::BppId | Self::BppUri | Self::HalfBpp | Self::BppOfSeller => "INVALID_BPP",
            Self::ProfileOfSeller => "INVALID_PROFILE",
            Self::Published { .. } | Self::PublishedOfSeller { .. } => "INVALID_PUBLISHED",
            Self::Unknown { .. } => "INVALID_ENUM",
            Self::BlockNumbers => "INVALID_BLOCKS",
            Self::Lines => "INVALID_LINES",
            Self::TooManyIds => "INVALID_IDS",
            Self::Cursor => "INVALID_CURSOR",
            Self::PageSize => "INVALID_PAGE_SIZE",
        }
    }
}
