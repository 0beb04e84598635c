//! The launcher: what `make up`, `make test` and `make demo` call. It starts private PostgreSQL and Redis, the
//! four programs, and ends them all again.
//!
//! ```text
//! local up [--with-parent]     the whole system, until Ctrl-C, SIGTERM, or (--with-parent) the caller's end
//! local test -- COMMAND...     a command with a PostgreSQL and a Redis of its own
//! local demo                   one trade against the running system, step by step
//! local with -- COMMAND...     a command with the running system's DATABASE_URL and REDIS_URL
//! local db-shell               psql on the running system's database
//! local clean-db               removes the private database; nothing may run
//! local certs [--replace] [FOLDER]   certificates for development, in .local/certs
//! local guard ORDER            (internal) keeps one process and ends it with the launcher
//! ```

mod account;
mod addresses;
mod built;
mod certs;
mod checkout;
mod demo;
mod guard;
mod guarded;
mod install;
mod lock;
mod ports;
mod postgres;
mod programs;
mod redis;
mod run_file;
mod shell;
mod signals;
mod system;
mod test_run;
mod tools;
mod up;

use std::{ffi::OsString, path::Path, process::ExitCode};

use anyhow::Context;
use p2p_runtime::Env;

use crate::{certs::Earlier, checkout::Checkout, signals::Lifetime};

const USAGE: &str = "usage: local up [--with-parent] | test -- COMMAND | demo | with -- COMMAND | db-shell | clean-db | \
     certs [--replace] [FOLDER]";

fn main() -> ExitCode {
    p2p_runtime::use_ring();
    let result = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start tokio")
        .and_then(|runtime| runtime.block_on(run(std::env::args_os().skip(1).collect())));
    result.unwrap_or_else(|error| {
        eprintln!("local: {error:#}");
        ExitCode::FAILURE
    })
}

async fn run(arguments: Vec<OsString>) -> anyhow::Result<ExitCode> {
    let words: Vec<_> = arguments.iter().map(|word| word.to_str().unwrap_or_default()).collect();
    match words[..] {
        ["guard", order] => return guard::run(guard::Order::parse(order)?).await,
        ["certs", "--replace", folder] => return certificates(Path::new(folder), Earlier::Replace),
        ["certs", folder] if folder != "--replace" => return certificates(Path::new(folder), Earlier::Keep),
        ["test", "--", _, ..] => return test_run::run(&Env::load()?, &arguments[2..]).await,
        _ => {}
    }
    let checkout = Checkout::enter()?;
    let env = Env::load()?;
    match words[..] {
        ["up"] => up::run(&env, &checkout, Lifetime::OfItsOwn).await,
        ["up", "--with-parent"] => up::run(&env, &checkout, Lifetime::OfTheParent).await,
        ["demo"] => demo::run(&env, &checkout).await,
        ["with", "--", _, ..] => shell::run(&env, &checkout, &arguments[2..]).await,
        ["db-shell"] => shell::psql(&env, &checkout).await,
        ["clean-db"] => up::clean(&checkout).await,
        ["certs"] => certificates(&checkout.local().join("certs"), Earlier::Keep),
        ["certs", "--replace"] => certificates(&checkout.local().join("certs"), Earlier::Replace),
        _ => anyhow::bail!(USAGE),
    }
}

fn certificates(folder: &Path, earlier: Earlier) -> anyhow::Result<ExitCode> {
    certs::make(folder, earlier)?;
    Ok(ExitCode::SUCCESS)
}
