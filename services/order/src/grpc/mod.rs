//! The services: decode, call one thing, encode.

mod decode;
mod encode;
mod mailbox;
mod order;
