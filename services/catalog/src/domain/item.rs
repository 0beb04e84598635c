//! The sellers' energy resources.

use p2p_domain::{Energy, ItemId, ProviderId, TimeWindow};

use super::{Counters, Invalid, Label, Origin, Published, storable};

const MOST_WINDOWS: usize = 100;

/// An energy resource of a provider (the seed's EnergyResource).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: ItemId,
    /// Whose it is; never changes.
    pub provider: ProviderId,
    /// SOLAR, WIND, ..., in capitals.
    pub source_type: Label,
    /// SCHEDULED or INSTANT; carried, never filtered on.
    pub delivery_mode: Label,
    /// The meter that measures it; may be empty.
    pub meter: Label,
    /// When it produces.
    pub production: Vec<TimeWindow>,
    /// All of it.
    pub total: Energy,
    /// The parts of the total.
    pub stock: Counters,
    /// Which way it came; never changes.
    pub origin: Origin,
    /// What a network's catalog said of it.
    pub published: Published,
}

impl Item {
    /// The windows as the database keeps them.
    ///
    /// # Errors
    /// When there are more than 100, or one cannot be kept.
    pub fn production(windows: Vec<TimeWindow>) -> Result<Vec<TimeWindow>, Invalid> {
        if windows.len() > MOST_WINDOWS {
            return Err(Invalid::ProductionWindows);
        }
        windows.into_iter().map(storable).collect()
    }
}
