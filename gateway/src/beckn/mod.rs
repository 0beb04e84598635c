//! What goes over the wire: what every profile has, and a folder for each profile. No I/O, and nowhere else a name of a
//! field.

mod ack;
mod action;
mod asked;
mod context;
mod envelope;
mod error;
pub mod filter;
mod fitness;
pub mod lts;
mod number;
mod profile;
mod said;
pub mod seed;
mod told;
mod wanted;

pub use ack::{PeerAnswer, Reply, acknowledgement, heard, rejection, seed_code, turned_away};
pub use action::Action;
pub use asked::{Asked, AskedLine, Confirmed, Part, Search, read};
pub use context::{Carried, Context, Seller, Ttl, USEFUL_AFTER_TTL, VERSION, duration, instant};
pub use envelope::{Envelope, Invalid, is_address, names_user};
pub use error::{ErrorBody, code};
pub use fitness::unfit;
pub use lts::{
    context::timely,
    error::{Fault, code as lts_code},
    heard::in_the_seeds_codes,
};
pub use number::{Number, quantity};
pub use profile::Profile;
pub use said::{Said, callback};
pub use told::{Told, ToldOrder, told};
pub use wanted::{Ordered, Selection, Wanted, request};
