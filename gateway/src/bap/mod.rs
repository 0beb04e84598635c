//! The buyer's side: the client's requests, and the callbacks that answer them.

pub mod callback;
mod cancel;
mod confirm;
mod discover;
mod init;
mod rank;
mod request;
mod select;
mod status;
pub mod transactions;

pub use cancel::cancel;
pub use confirm::confirm;
pub use discover::discover;
pub use init::init;
pub use select::select;
pub use status::status;
