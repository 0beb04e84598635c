//! `local up`: the whole system in one command.

use std::{collections::BTreeMap, fs, net::SocketAddr, process::ExitCode};

use anyhow::Context;
use p2p_runtime::{Env, EnvError, Secret};

use crate::{
    account::Account,
    addresses::{self, Addresses},
    built,
    checkout::Checkout,
    guard::{Order, StopSignal},
    guarded::{self, Guarded},
    lock, ports,
    postgres::{self, Durability, Postgres},
    programs::{self, Ready, Start},
    redis::{self, Redis},
    run_file::{GatewayUrls, RunFile},
    signals::{Lifetime, Signals},
    system::System,
    tools::{self, Tool},
};

/// The variables that name the servers. What the user has set of them is handed on as it is.
const SERVERS: [&str; 5] =
    ["DATABASE_URL", "CATALOG_DATABASE_URL", "MATCHING_DATABASE_URL", "ORDER_DATABASE_URL", "REDIS_URL"];
const POSTGRES_PORT: u16 = 5432;
const POSTGRES_CONNECTIONS: u32 = 200;
const REDIS_PORT: u16 = 6379;
const REDIS_DATABASES: u32 = 16;
const GRACE_SECONDS: u64 = 10;

/// Where the data is, and who owns the server: decides when it is seeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Database {
    /// Started here, for development only.
    Private,
    /// What `DATABASE_URL` names: seeded when there is nothing in it, and never again.
    Theirs,
}

/// Starts everything, then waits. The exit code is 0 when it was stopped and not when something died.
///
/// # Errors
/// When one runs already, something cannot be started, or something dies.
pub async fn run(env: &Env, checkout: &Checkout, lifetime: Lifetime) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen(lifetime)?;
    let local = checkout.local();
    let _lock = match lock::launcher(&local) {
        Err(error) if error.is::<lock::Running>() => return Err(with_url(error, checkout)),
        result => result?,
    };
    let mut system = System::default();
    let result = tokio::select! {
        result = run_all(env, checkout, &mut system) => result,
        () = signals.received() => Ok(()),
    };
    if let Err(error) = &result {
        say(&format!("failed: {error:#}"));
    }
    RunFile::remove(&local);
    system.stop(say).await;
    Ok(if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn with_url(error: anyhow::Error, checkout: &Checkout) -> anyhow::Error {
    match RunFile::of_the_running(&checkout.local()) {
        Ok(Some(running)) => anyhow::anyhow!("{error}: {}", running.bap_url),
        _ => error,
    }
}

/// Ends only with an error.
async fn run_all(env: &Env, checkout: &Checkout, system: &mut System) -> anyhow::Result<()> {
    let replicas = Addresses::of_replicas(env)?;
    lock::earlier_guards_gone(&checkout.local()).await?;
    addresses::ensure_free(&replicas)?;
    let launcher = Launcher { env, checkout, replicas, account: Account::for_servers()? };
    let (database, environment) = launcher.start_servers(system).await?;
    launcher.fill(system, database, &environment).await?;
    let programs = programs::all(env, &launcher.replicas)?;
    launcher.start_programs(system, &programs, &environment).await?;
    launcher.run_file(environment).write(&checkout.local())?;
    launcher.welcome(&programs);
    Err(system.a_death().await)
}

type Environment = BTreeMap<String, String>;

struct Launcher<'a> {
    env: &'a Env,
    checkout: &'a Checkout,
    replicas: Vec<Addresses>,
    account: Option<Account>,
}

impl Launcher<'_> {
    /// PostgreSQL and Redis, unless the environment names others. Returns what the programs must know.
    async fn start_servers(&self, system: &mut System) -> anyhow::Result<(Database, Environment)> {
        let theirs = self.env.secret("DATABASE_URL")?;
        let checked = |url: &Secret| p2p_runtime::postgres::check_url("DATABASE_URL", url.expose());
        theirs.iter().try_for_each(checked)?;
        let own_postgres = theirs.is_none();
        let own_redis = self.env.secret("REDIS_URL")?.is_none();
        let wanted = [(own_postgres, Tool::Postgres), (own_redis, Tool::Redis)];
        let wanted: Vec<_> = wanted.into_iter().filter(|(own, _)| *own).map(|(_, tool)| tool).collect();
        let tools = tools::find_or_install(self.env, &wanted).await?;
        // Installing may have made the account `postgres`.
        let account = Account::for_servers()?.or_else(|| self.account.clone());
        let data = self.checkout.data(account.as_ref())?;

        let mut environment = Environment::new();
        let mut database = Database::Theirs;
        if let Some(bin) = tools.postgres {
            let postgres = Postgres {
                bin: &bin,
                folder: data.join("postgres"),
                account: account.as_ref(),
                port: ports::from(POSTGRES_PORT)?,
                connections: POSTGRES_CONNECTIONS,
                durability: Durability::Durable,
            };
            environment.extend(self.start_postgres(&postgres, system).await?);
            database = Database::Private;
        }
        if let Some(program) = tools.redis {
            let redis = Redis {
                program: &program,
                folder: data.join("redis"),
                account: account.as_ref(),
                port: ports::from(REDIS_PORT)?,
                databases: REDIS_DATABASES,
            };
            redis.prepare()?;
            system.add(self.guarded("redis", redis.order()?, &Environment::new())?);
            system.while_alive(redis::answers(redis.port)).await?;
            say(&format!("redis on 127.0.0.1:{}, in memory", redis.port));
            environment.insert("REDIS_URL".into(), redis.url());
        }
        let theirs = SERVERS.into_iter().filter_map(|name| Some((name.to_owned(), self.env.optional(name)?)));
        environment.extend(theirs);
        Ok((database, environment))
    }

    async fn start_postgres(
        &self,
        postgres: &Postgres<'_>,
        system: &mut System,
    ) -> anyhow::Result<Environment> {
        postgres.prepare().await?;
        system.add(self.guarded("postgres", postgres.order()?, &Environment::new())?);
        let superuser = postgres.superuser_url();
        let make = async {
            let db = postgres::answers(&superuser).await?;
            postgres::make_development_database(&db).await?;
            Ok(db.close().await?)
        };
        system.while_alive(make).await.context("cannot make the development database")?;
        say(&format!("postgres on 127.0.0.1:{}, data in {}", postgres.port, postgres.folder.display()));
        let url = |user: &str| format!("postgresql://{user}@127.0.0.1:{}/p2p_trading", postgres.port);
        let urls = [
            ("DATABASE_URL", url("p2p_user:p2p_password")),
            ("CATALOG_DATABASE_URL", url("p2p_catalog")),
            ("MATCHING_DATABASE_URL", url("p2p_matching")),
            ("ORDER_DATABASE_URL", url("p2p_order")),
        ];
        Ok(urls.map(|(name, url)| (name.to_owned(), url)).into())
    }

    /// Migrates, and seeds what has nothing to sell.
    async fn fill(
        &self,
        system: &mut System,
        database: Database,
        environment: &Environment,
    ) -> anyhow::Result<()> {
        system.while_alive(built::one_off("migrate", &["up"], environment)).await?;
        say("migrated");
        let theirs =
            || Ok::<_, EnvError>(self.env.secret("DATABASE_URL")?.map(|url| url.expose().to_owned()));
        let url = environment.get("DATABASE_URL").cloned().map_or_else(theirs, |url| Ok(Some(url)))?;
        let url = &url.context("no database")?;
        let something = match database {
            Database::Private => "SELECT FROM catalog.catalog_offers WHERE time_window_end > now()",
            Database::Theirs => "SELECT FROM catalog.providers",
        };
        let db = postgres::connect(url).await?;
        let full = postgres::holds(&db, &format!("EXISTS ({something})")).await?;
        db.close().await?;
        if full {
            say("not seeded: there are offers already (`make seed` starts afresh)");
            return Ok(());
        }
        system.while_alive(built::one_off("seed", &[], environment)).await?;
        say("seeded");
        Ok(())
    }

    /// The three services, then the gateways that call them.
    async fn start_programs(
        &self,
        system: &mut System,
        programs: &[Start],
        environment: &Environment,
    ) -> anyhow::Result<()> {
        for Start { program, name, variables, ready } in programs {
            let mut environment = environment.clone();
            environment.extend(variables.clone());
            system.add(self.program(program, name, &environment)?);
            match ready {
                Ready::Listens(address) => {
                    system.while_alive(built::listens(name, *address)).await?;
                    say(&format!("{name} on {address}"));
                }
                Ready::Answers(urls) => {
                    for url in urls {
                        system.while_alive(built::healthy(url)).await?;
                    }
                }
            }
        }
        Ok(())
    }

    fn run_file(&self, mut environment: Environment) -> RunFile {
        // What asks the running system has to find it.
        let order = programs::called(&self.replicas, |replica| replica.order);
        environment.insert("ORDER_ADDR".into(), order);
        let (first, others) = (self.replicas[0], &self.replicas[1..]);
        RunFile {
            pid: std::process::id(),
            bap_url: addresses::url(first.bap),
            cds_url: addresses::url(first.cds),
            other_gateways: others
                .iter()
                .map(|other| GatewayUrls {
                    bap_url: addresses::url(other.bap),
                    cds_url: addresses::url(other.cds),
                })
                .collect(),
            environment,
        }
    }

    fn program(&self, program: &str, name: &str, environment: &Environment) -> anyhow::Result<Guarded> {
        let program = built::beside_this(program)?;
        let order = Order {
            command: vec![program.into_os_string().into_string().ok().context("a path is not UTF-8")?],
            folder: None,
            account: None,
            stop: StopSignal::Terminate,
            grace: guarded::program_grace(self.env.seconds("SHUTDOWN_GRACE_SECONDS", GRACE_SECONDS)?),
            lock: None,
            remove: None,
        };
        self.guarded(name, order, environment)
    }

    fn guarded(&self, name: &str, order: Order, environment: &Environment) -> anyhow::Result<Guarded> {
        let order = Order { lock: Some(lock::guards_file(&self.checkout.local())), ..order };
        Guarded::start(name, &order, environment, &self.checkout.logs())
    }

    fn welcome(&self, programs: &[Start]) {
        let first = self.replicas[0];
        let urls = |of: fn(&Addresses) -> SocketAddr| self.all(|replica| addresses::url(of(replica)));
        let at = |of: fn(&Addresses) -> SocketAddr| {
            self.all(|replica| addresses::reached(of(replica)).to_string())
        };
        let metrics =
            |start: &Start| Some(format!("{} {}", start.name, start.variables.get("METRICS_ADDR")?));
        let metrics: Vec<String> = programs.iter().filter_map(metrics).collect();
        println!(
            "
the system is up
    buyer and seller   {}
    discovery          {}
    catalog            {}
    matching           {}
    order              {}
    metrics            {}
    logs               {}

    make demo                              (in a second terminal) a trade, step by step
    curl {}/health
    grpcurl {} {} list

Ctrl-C stops it
",
            urls(|replica| replica.bap),
            urls(|replica| replica.cds),
            at(|replica| replica.catalog),
            at(|replica| replica.matching),
            at(|replica| replica.order),
            if metrics.is_empty() { "off".to_owned() } else { metrics.join(", ") },
            self.checkout.logs().display(),
            addresses::url(first.bap),
            shown_by_grpcurl(self.env),
            addresses::reached(first.catalog),
        );
    }

    fn all(&self, text: impl Fn(&Addresses) -> String) -> String {
        self.replicas.iter().map(text).collect::<Vec<_>>().join(", ")
    }
}

/// What grpcurl must show, in words for a shell that has the same variables.
fn shown_by_grpcurl(env: &Env) -> String {
    let tls = match env.optional("TLS_CA_FILE") {
        None => "-plaintext",
        Some(_) => r#"-cacert "$TLS_CA_FILE" -cert "$TLS_CERT_FILE" -key "$TLS_KEY_FILE""#,
    };
    let token = match env.secret("SERVICE_TOKEN") {
        Ok(Some(_)) => r#" -H "authorization: Bearer $SERVICE_TOKEN""#,
        Ok(None) | Err(_) => "",
    };
    format!("{tls}{token}")
}

/// Removes the private database.
///
/// # Errors
/// When something runs, or the files cannot be removed.
pub async fn clean(checkout: &Checkout) -> anyhow::Result<ExitCode> {
    let _lock = lock::launcher(&checkout.local()).context("stop it first")?;
    lock::earlier_guards_gone(&checkout.local()).await?;
    let data = checkout.data(Account::for_servers()?.as_ref())?;
    for folder in ["postgres", "redis"].map(|name| data.join(name)) {
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
            say(&format!("removed {}", folder.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn say(line: &str) {
    println!("local: {line}");
}
