//! The services: decode, call one thing, encode.

mod decode;
mod encode;
mod history;
mod keys;
mod mailbox;
mod order;
