//! What the service does, one use case a file.

mod explain_match;
mod forget_decisions;
mod get_outcome;
mod get_trust;
mod notebook;
mod rank_offers;
mod record_outcome;
mod set_trust;

pub use explain_match::explain_match;
pub use forget_decisions::forget_decisions;
pub use get_outcome::get_outcome;
pub use get_trust::get_trust;
pub use notebook::Notebook;
pub use rank_offers::{Choice, Ranking, rank_offers};
pub use record_outcome::record_outcome;
pub use set_trust::{Counted, set_trust};
