//! A command with a PostgreSQL and a Redis of its own, for tests. Nothing stays behind.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use nix::{sys::signal, unistd::Pid};
use p2p_runtime::{Env, postgres::AllowOff};
use tokio::process::{Child, Command};
use uuid::Uuid;

use crate::{
    account::Account,
    checkout,
    guard::exit_code,
    guarded::Guarded,
    ports,
    postgres::{self, Durability, Postgres},
    redis::{self, Redis},
    signals::{Lifetime, Signals},
    system::System,
    tools::{self, Tool},
};

const CONNECTIONS: u32 = 500;
/// One for every test that wants an empty Redis.
const REDIS_DATABASES: u32 = 4096;

/// Runs the command with `TEST_DATABASE_URL`, `TEST_REDIS_URL` and `DATABASE_ALLOW_OFF`; its exit code is ours.
///
/// # Errors
/// When the servers or the command cannot be started, or a server dies.
pub async fn run(env: &Env, words: &[OsString]) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen(Lifetime::OfItsOwn)?;
    let mut system = System::default();
    let result = tokio::select! {
        result = with_servers(env, words, &mut system) => result,
        () = signals.terminated() => Err(anyhow::anyhow!("stopped by SIGTERM")),
    };
    system.stop(|_| {}).await;
    result
}

async fn with_servers(env: &Env, words: &[OsString], system: &mut System) -> anyhow::Result<ExitCode> {
    let tools = tools::find_or_install(env, &[Tool::Postgres, Tool::Redis]).await?;
    let account = Account::for_servers()?;
    let folder = make_folder(env, account.as_ref())?;
    let environment = start(&tools, account.as_ref(), &folder, system).await?;
    let (program, arguments) = words.split_first().context("no command")?;
    let mut command = Command::new(program);
    let mut child = command
        .args(arguments)
        .envs(environment)
        .spawn()
        .map(EndedOnDrop)
        .with_context(|| format!("cannot run {}", program.display()))?;
    let status = system.while_alive(async { Ok(child.0.wait().await?) }).await?;
    Ok(exit_code(status))
}

async fn start(
    tools: &tools::Tools,
    account: Option<&Account>,
    folder: &Path,
    system: &mut System,
) -> anyhow::Result<[(&'static str, String); 3]> {
    let postgres = Postgres {
        bin: tools.postgres.as_deref().context("no PostgreSQL")?,
        folder: folder.join("postgres"),
        account,
        port: ports::for_tests(std::process::id())?,
        connections: CONNECTIONS,
        durability: Durability::Forgetful,
    };
    postgres.prepare().await?;
    let mut order = postgres.order()?;
    // Started first, so ended last, when nobody else uses the folder.
    order.remove = Some(folder.to_owned());
    system.add(Guarded::start("postgres", &order, &BTreeMap::new(), folder)?);
    let redis = Redis {
        program: tools.redis.as_deref().context("no Redis")?,
        folder: folder.join("redis"),
        account,
        port: ports::from(postgres.port + 1)?,
        databases: REDIS_DATABASES,
    };
    redis.prepare()?;
    system.add(Guarded::start("redis", &redis.order()?, &BTreeMap::new(), folder)?);
    let url = postgres.superuser_url();
    let ready = async {
        postgres::answers(&url).await?.close().await?;
        redis::answers(redis.port).await
    };
    system.while_alive(ready).await?;
    let allow_off = AllowOff::everything().to_string();
    Ok([("TEST_DATABASE_URL", url), ("TEST_REDIS_URL", redis.url()), ("DATABASE_ALLOW_OFF", allow_off)])
}

/// A new folder that the servers' account can get to.
fn make_folder(env: &Env, account: Option<&Account>) -> anyhow::Result<PathBuf> {
    let mut parent = PathBuf::from(env.text("TMPDIR", "/tmp"));
    if let Some(account) = account
        && !checkout::reachable(&parent, account)?
    {
        parent = "/var/tmp".into();
    }
    let folder = parent.join(format!("p2p-test-{}", Uuid::new_v4().simple()));
    fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// Told to end when the launcher gives up on it.
struct EndedOnDrop(Child);

impl Drop for EndedOnDrop {
    fn drop(&mut self) {
        // None once it has been waited for.
        let id = self.0.id().and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id {
            let _ = signal::kill(Pid::from_raw(id), signal::Signal::SIGTERM);
        }
    }
}
