//! The rules of matching: which offers can serve a request, and which of them is best. Pure.

mod columns;
mod decision;
mod known_trust;
mod outcome;
mod policy;
mod rank;
mod request;
mod score;

pub use columns::{Best, Columns, Placed, Row, Wanted};
pub use decision::{Decision, Matched, Trade};
pub use known_trust::KnownTrust;
pub use outcome::Outcome;
pub use policy::Policy;
pub use rank::{Ranked, rank};
pub use request::{Candidate, Request, RequestError};
pub use score::{Score, Scores, Share, Weights, WeightsError};
