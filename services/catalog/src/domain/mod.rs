//! What is for sale and the rules of its stock. Pure: no I/O, no clock.

mod changes;
mod counters;
mod invalid;
mod item;
mod label;
mod list;
mod listing;
mod movement;
mod offer;
mod opaque;
mod origin;
mod provider;
mod reservation;
mod run;
mod search;
mod stock;
mod sync;
mod walk;

pub use changes::Changes;
pub use counters::{Committed, Counters, Move};
pub use invalid::Invalid;
pub use item::Item;
pub use label::Label;
pub use list::{Page, Place};
pub use listing::Listing;
pub use movement::{Kind as MovementKind, Movement};
pub use offer::{Offer, Price};
pub use origin::{Entry, Existing, Origin, OriginFixed};
pub use provider::{Bpp, Provider, Uri};
pub use reservation::{Line, Lot, Refusal, Reservation, Sought, State, Status, add_up, lots_of};
pub use run::{Run, Taker, Use, free, resize, take};
pub use search::{Cursor, Filter, PageSize, Search, storable};
pub use stock::{Command, Shelf, Stock, Undecided, Wish};
pub use sync::{Blocks, Span, Taken, Told, Word, tell};
pub use walk::Walk;
