//! How a program lives and dies: environment, logs, traces, PostgreSQL, group commit, gRPC, health, shutdown.

pub mod env;
pub mod failpoint;
pub mod group;
pub mod grpc;
mod logs;
pub mod postgres;
mod program;
mod tasks;
pub mod trace;

pub use env::{Env, EnvError};
pub use logs::{RequestId, chain};
pub use program::{run, unless_stalled};
pub use tasks::Tasks;
pub use tokio_util::sync::CancellationToken as Stop;

/// Every program allocates with it: a message is copied and parsed many times a trade.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
