//! From `main` to the exit code.

use std::{ffi::OsString, future::Future, process::ExitCode, time::Duration};

use anyhow::Context;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{sleep, timeout},
};

use crate::{Env, Health, Stop, health::Question, logs, metrics, trace};

const GRACE_SECONDS: u64 = 10;
const CLIENT_PATIENCE: Duration = Duration::from_secs(5);

/// Runs a program until it ends by itself or SIGTERM or SIGINT stops it. It then has `SHUTDOWN_GRACE_SECONDS`
/// to drain. The exit code is 0 when it ended well and in time.
pub fn run<P, F>(name: &'static str, program: P) -> ExitCode
where
    P: FnOnce(Env, Stop) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    exit(name, try_run(name, program))
}

/// Runs a program that serves, as [`run`]. With the argument `health` it asks the running one of the same
/// environment instead: the exit code is 0 when that one is well, else 1 with a sentence on standard error. `health live`
/// asks only whether it answers at all.
pub fn run_server<H, P, F>(name: &'static str, health: H, program: P) -> ExitCode
where
    H: FnOnce(&Env) -> anyhow::Result<Health>,
    P: FnOnce(Env, Stop) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match arguments.as_slice() {
        [] => run(name, program),
        [argument] if argument == "health" => exit(name, ask(health, Question::Ready)),
        [argument, live] if argument == "health" && live == "live" => exit(name, ask(health, Question::Live)),
        _ => exit(name, Err(anyhow::anyhow!("usage: {name} [health [live]]"))),
    }
}

fn exit(name: &str, result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The log may not have started yet.
            eprintln!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn ask(health: impl FnOnce(&Env) -> anyhow::Result<Health>, question: Question) -> anyhow::Result<()> {
    let health = health(&Env::load()?)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start tokio")?.block_on(health.ask(question))
}

fn try_run<P, F>(name: &'static str, program: P) -> anyhow::Result<()>
where
    P: FnOnce(Env, Stop) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    let env = Env::load()?;
    #[cfg(feature = "failpoints")]
    crate::failpoint::arm(&env)?;
    #[cfg(feature = "planted-bugs")]
    crate::planted::plant(&env)?;
    logs::start(&env)?;
    let grace = env.seconds("SHUTDOWN_GRACE_SECONDS", GRACE_SECONDS)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start tokio")?;
    let tracing = {
        let _within = runtime.enter();
        trace::start(&env, name)?
    };
    let result = runtime.block_on(async {
        let operations = metrics::serve(&env, name).await?;
        let result = until_drained(name, program, env, grace).await;
        operations.end().await;
        result
    });
    tracing.end();
    runtime.shutdown_background();
    result
}

/// Serves to the end, but after `stop` waits no longer than 5 seconds for clients: one that sends half a request
/// and falls silent does not keep a program from draining.
///
/// # Errors
/// The server's own.
pub async fn unless_stalled<T, E>(stop: &Stop, server: impl Future<Output = Result<T, E>>) -> Result<(), E> {
    tokio::select! {
        result = server => result.map(|_served| ()),
        () = async { stop.cancelled().await; sleep(CLIENT_PATIENCE).await } => {
            tracing::warn!("some clients did not finish their requests");
            Ok(())
        }
    }
}

async fn until_drained<P, F>(name: &str, program: P, env: Env, grace: Duration) -> anyhow::Result<()>
where
    P: FnOnce(Env, Stop) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = Stop::new();
    let mut program = std::pin::pin!(program(env, stop.clone()));
    tokio::select! {
        result = &mut program => return result,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!(program = name, grace_seconds = grace.as_secs(), "stopping");
    stop.cancel();
    timeout(grace, program).await.context("did not drain within SHUTDOWN_GRACE_SECONDS")??;
    tracing::info!(program = name, "stopped");
    Ok(())
}
