//! What is for sale and the rules of its stock. Pure: no I/O, no clock.

mod changes;
mod counters;
mod invalid;
mod item;
mod label;
mod listing;
mod offer;
mod reservation;
mod run;
mod search;
mod stock;
mod walk;

pub use changes::Changes;
pub use counters::{Committed, Counters, Move};
pub use invalid::Invalid;
pub use item::{Item, Provider};
pub use label::Label;
pub use listing::Listing;
pub use offer::{Offer, Price};
pub use reservation::{Line, Lot, Refusal, Reservation, State, add_up, lots_of};
pub use run::{Run, Use, free, resize, take};
pub use search::{Cursor, Filter, PageSize, Search, storable};
pub use stock::{Command, Shelf, Stock, Undecided, Wish};
pub use walk::Walk;
