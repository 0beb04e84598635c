//! Commands that work on the running system.

use std::{collections::BTreeMap, ffi::OsString, process::ExitCode};

use anyhow::Context;
use p2p_runtime::Env;
use tokio::process::Command;

use crate::{checkout::Checkout, guard::exit_code, run_file::RunFile, tools};

/// The variables by which programs reach what they need: the running system's, unless `DATABASE_URL` is set, in
/// which case that database is meant, and only a Redis is added.
///
/// # Errors
/// When nothing runs and `DATABASE_URL` is not set.
pub fn environment(env: &Env, checkout: &Checkout) -> anyhow::Result<BTreeMap<String, String>> {
    let running = RunFile::of_the_running(&checkout.local())?;
    let own_database = env.secret("DATABASE_URL")?.is_some();
    let own_redis = env.secret("REDIS_URL")?.is_some();
    anyhow::ensure!(
        running.is_some() || own_database,
        "nothing runs in this checkout: start it with `make up`, or set DATABASE_URL"
    );
    let mut environment = running.map(|running| running.environment).unwrap_or_default();
    environment.retain(|name, _| if name == "REDIS_URL" { !own_redis } else { !own_database });
    Ok(environment)
}

/// Runs a command with these variables; its exit code is ours.
///
/// # Errors
/// When nothing runs or the command cannot be started.
pub async fn run(env: &Env, checkout: &Checkout, words: &[OsString]) -> anyhow::Result<ExitCode> {
    let (program, arguments) = words.split_first().context("no command")?;
    let mut command = Command::new(program);
    command.args(arguments).envs(environment(env, checkout)?);
    let status = command.status().await.with_context(|| format!("cannot run {}", program.display()))?;
    Ok(exit_code(status))
}

/// psql on the database.
///
/// # Errors
/// When nothing runs or there is no psql.
pub async fn psql(env: &Env, checkout: &Checkout) -> anyhow::Result<ExitCode> {
    let environment = environment(env, checkout)?;
    let theirs = env.secret("DATABASE_URL")?.map(|url| url.expose().to_owned());
    let url = environment.get("DATABASE_URL").cloned().or(theirs);
    let beside_postgres = tools::postgres(env).map(|bin| bin.join("psql")).filter(|psql| psql.is_file());
    let psql = beside_postgres.or_else(|| tools::on_path(env, "psql")).context("psql is not installed")?;
    run(env, checkout, &[psql.into(), url.context("no database")?.into()]).await
}
