//! The migrating program.
//!
//! - `migrate` or `migrate up`: brings all schemas up to date, then makes the services' roles where it may.
//! - `migrate up --seed`: the same, and then inserts the seed's rows where no provider is known yet; not in production.
//! - `migrate new SERVICE NAME`: writes an empty migration and registers it.

use std::{env, path::Path, process::ExitCode};

use anyhow::{Context, bail, ensure};
use p2p_domain::Clock;
use p2p_migrations::{
    Service,
    reset::{self, Refusal},
    roles, scaffold, up_one,
};
use p2p_runtime::{Env, Mode, postgres};

const USAGE: &str = "usage: migrate [up [--seed]] | migrate new catalog|matching|order NAME";

fn main() -> ExitCode {
    p2p_runtime::run("migrate", |env, _stop| async move {
        let arguments: Vec<String> = env::args().skip(1).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match arguments[..] {
            [] | ["up"] => up(&env).await,
            ["up", "--seed"] => {
                ensure!(Mode::from_env(&env)? == Mode::Development, Refusal::Production);
                up(&env).await?;
                fill(&env).await
            }
            ["new", service, name] => new(service, name),
            _ => bail!(USAGE),
        }
    })
}

async fn up(env: &Env) -> anyhow::Result<()> {
    let url = postgres::database_url(env)?;
    for service in Service::ALL {
        let schema = service.schema();
        for migration in up_one(url.expose(), service).await? {
            println!("{schema}: took {migration}");
        }
        println!("{schema}: up to date");
    }
    for service in Service::ALL {
        let role = roles::Role::of(service, env)?;
        let outcome =
            roles::make(url.expose(), &role).await.with_context(|| format!("cannot make {role}"))?;
        println!("{role}: {outcome}");
    }
    Ok(())
}

async fn fill(env: &Env) -> anyhow::Result<()> {
    let url = postgres::database_url(env)?;
    let filled = reset::fill(url.expose(), &Clock::system()).await?;
    println!(
        "{}",
        if filled { "the seed's rows are in, dated tomorrow" } else { "there are providers, not seeded" }
    );
    Ok(())
}

fn new(service: &str, name: &str) -> anyhow::Result<()> {
    let Some(service) = Service::ALL.into_iter().find(|s| s.name() == service) else { bail!(USAGE) };
    let file = scaffold::write(Path::new("migrations/src"), service, name, Clock::system().now())?;
    println!("{}: made and registered", file.display());
    Ok(())
}
