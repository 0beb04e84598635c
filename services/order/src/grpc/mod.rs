//! The services: decode, call one thing, encode.

mod decode;
mod encode;
mod history;
mod mailbox;
mod order;
