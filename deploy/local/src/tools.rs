//! Where PostgreSQL and Redis are installed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use p2p_runtime::Env;

use crate::install;

/// Where packagers put PostgreSQL outside of PATH: below these, a folder per version with `bin` in it.
const POSTGRES_HOMES: [(&str, &str); 4] = [
    ("/usr/lib/postgresql", ""),
    ("/opt/homebrew/opt", "postgresql@"),
    ("/usr/local/opt", "postgresql@"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql@"),
];
const POSTGRES_PROGRAMS: [&str; 2] = ["postgres", "initdb"];
const BREW_BINS: [&str; 3] = ["/opt/homebrew/bin", "/usr/local/bin", "/home/linuxbrew/.linuxbrew/bin"];

/// What must be installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// The PostgreSQL server.
    Postgres,
    /// The Redis server.
    Redis,
}

/// Programs of this machine.
#[derive(Debug)]
pub struct Tools {
    /// The folder with postgres, initdb and psql. Missing if it was not asked for.
    pub postgres: Option<PathBuf>,
    /// redis-server. Missing if it was not asked for.
    pub redis: Option<PathBuf>,
}

/// Finds the tools, installs those that are missing, and finds them again.
///
/// # Errors
/// When one can be neither found nor installed.
pub async fn find_or_install(env: &Env, wanted: &[Tool]) -> anyhow::Result<Tools> {
    let missing: Vec<_> = wanted.iter().copied().filter(|tool| find(env, *tool).is_none()).collect();
    if !missing.is_empty() {
        install::install(env, &missing).await?;
        if let Some(tool) = missing.iter().find(|tool| find(env, **tool).is_none()) {
            anyhow::bail!("{tool:?} was installed but is not to be found; PG_BIN and PATH say where to look");
        }
    }
    let find = |tool| if wanted.contains(&tool) { find(env, tool) } else { None };
    Ok(Tools { postgres: find(Tool::Postgres), redis: find(Tool::Redis) })
}

fn find(env: &Env, tool: Tool) -> Option<PathBuf> {
    match tool {
        Tool::Postgres => postgres(env),
        Tool::Redis => on_path(env, "redis-server"),
    }
}

/// `PG_BIN`, else the newest installed version, else the one on PATH.
pub fn postgres(env: &Env) -> Option<PathBuf> {
    let named = env.optional("PG_BIN").map(PathBuf::from).filter(|folder| has_postgres(folder));
    named.or_else(newest_postgres).or_else(|| {
        on_path(env, POSTGRES_PROGRAMS[0])
            .and_then(|file| Some(file.parent()?.to_owned()))
            .filter(|folder| has_postgres(folder))
    })
}

fn newest_postgres() -> Option<PathBuf> {
    POSTGRES_HOMES.into_iter().find_map(|(home, prefix)| {
        let names = fs::read_dir(home).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        newest(names, prefix, |name| has_postgres(&Path::new(home).join(name).join("bin")))
            .map(|name| Path::new(home).join(name).join("bin"))
    })
}

/// Of the names that are a prefix and a version, the one with the highest version that will do.
fn newest(
    names: impl Iterator<Item = String>,
    prefix: &str,
    will_do: impl Fn(&str) -> bool,
) -> Option<String> {
    let versions =
        names.filter_map(|name| Some((name.strip_prefix(prefix)?.parse::<u32>().ok()?, name.clone())));
    versions.filter(|(_, name)| will_do(name)).max().map(|(_, name)| name)
}

fn has_postgres(folder: &Path) -> bool {
    POSTGRES_PROGRAMS.iter().all(|program| folder.join(program).is_file())
}

/// The program on PATH or where Homebrew puts it.
pub fn on_path(env: &Env, program: &str) -> Option<PathBuf> {
    let path = env.text("PATH", "/usr/local/bin:/usr/bin:/bin");
    let folders = std::env::split_paths(&path).chain(BREW_BINS.map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_chosen_by_number_not_by_letter() {
        let names = ["9", "15", "17", "common", "8"].map(str::to_owned);
        assert_eq!(newest(names.clone().into_iter(), "", |_| true).as_deref(), Some("17"));
        assert_eq!(newest(names.into_iter(), "", |name| name != "17").as_deref(), Some("15"));
        let brew = ["postgresql@14", "redis", "postgresql@16"].map(str::to_owned);
        assert_eq!(newest(brew.into_iter(), "postgresql@", |_| true).as_deref(), Some("postgresql@16"));
    }
}
