//! Signatures beside what other programs made of the same, and the program `beckn-sign`.

#![allow(clippy::unwrap_used, reason = "tests")]

mod by_hand;
mod vectors;
