//! The whole system, tried from outside: three services and the gateway, over HTTP and gRPC.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

mod beckn;
mod budget;
mod callbacks;
mod calls;
mod client;
mod crash;
mod crossings;
mod crowd;
mod deliveries;
mod drain;
mod ending;
mod giving_up;
mod health_argument;
mod jsonpath;
mod programs;
mod quantities;
mod races;
mod receiver;
mod redis;
mod repeated;
mod seller;
mod shapes;
mod sql;
mod stage;
mod sync;
mod system;
mod trade;
mod transcript;
mod trips;
mod two_gateways;
