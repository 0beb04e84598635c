//! For the whole system, tried from outside: how an answer is compared with what a client relies on.

pub mod shape;
