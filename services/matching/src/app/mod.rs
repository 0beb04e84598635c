//! What the service does, one use case a file.

mod get_trust;
mod rank_offers;
mod record_outcome;
mod set_trust;

pub use get_trust::get_trust;
pub use rank_offers::{Ranking, rank_offers};
pub use record_outcome::record_outcome;
pub use set_trust::{Counted, set_trust};
