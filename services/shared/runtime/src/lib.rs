//! How a program lives and dies: environment, logs, traces, metrics, PostgreSQL, group commit, gRPC, health, shutdown.

mod cryptography;
pub mod env;
pub mod failpoint;
pub mod group;
pub mod grpc;
mod health;
pub mod http;
mod logs;
pub mod metrics;
pub mod planted;
pub mod postgres;
mod program;
mod reach;
mod secret;
mod tasks;
pub mod trace;

pub use cryptography::use_ring;
pub use env::{Env, EnvError};
pub use health::Health;
pub use logs::{RequestId, chain};
/// With which every server allocates: a message is copied and parsed many times a trade.
pub use mimalloc::MiMalloc as Allocator;
pub use program::{run, run_server, unless_stalled};
pub use reach::{Mode, Reach, quota};
pub use secret::Secret;
pub use tasks::Tasks;
pub use tokio_util::sync::CancellationToken as Stop;
