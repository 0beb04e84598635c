//! What is asked for.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A request; its callback is `on_` and the same word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Find offers.
    Discover,
    /// Ask for a price.
    Select,
    /// Make an order.
    Init,
    /// Buy it.
    Confirm,
    /// Ask how it is.
    Status,
    /// Give it up.
    Cancel,
    /// Put a catalog into the index of a CDS.
    Publish,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Discover, Self::Select, Self::Init, Self::Confirm, Self::Status, Self::Cancel, Self::Publish];

    /// The word of the request.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Select => "select",
            Self::Init => "init",
            Self::Confirm => "confirm",
            Self::Status => "status",
            Self::Cancel => "cancel",
            Self::Publish => "catalog/publish",
        }
    }

    /// The word of the callback.
    pub fn callback(self) -> &'static str {
        match self {
            Self::Discover => "on_discover",
            Self::Select => "on_select",
            Self::Init => "on_init",
            Self::Confirm => "on_confirm",
            Self::Status => "on_status",
            Self::Cancel => "on_cancel",
            Self::Publish => "catalog/on_publish",
        }
    }

    /// The action that a callback of this word answers; none for a request.
    pub fn answered_by(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.callback() == word)
    }
}

impl FromStr for Action {
    type Err = ();

    /// By the word of the request or of the callback.
    fn from_str(text: &str) -> Result<Self, ()> {
        let named = |action: &Self| action.as_str() == text || action.callback() == text;
        Self::ALL.into_iter().find(named).ok_or(())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
