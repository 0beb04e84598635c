//! The system that `local up` runs in this checkout: `.local/run.json`, and its processes.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use url::Url;

use crate::meters::processes::{self, Process};

const RUN_FILE: &str = ".local/run.json";
const PROGRAMS: [&str; 6] = ["gateway", "catalog", "matching", "order", "postgres", "redis-server"];

/// A running system.
#[derive(Debug, Deserialize)]
pub struct Running {
    /// The launcher.
    pid: u32,
    /// The gateway's buyer side.
    pub bap_url: String,
    /// What its programs were given.
    environment: BTreeMap<String, String>,
}

/// What runs in the checkout around the working directory, if anything does.
pub fn running() -> Option<Running> {
    running_in(&std::env::current_dir().ok()?)
}

/// What runs in the checkout around a folder, if anything does.
pub fn running_in(folder: &Path) -> Option<Running> {
    let text = folder
        .canonicalize()
        .ok()?
        .ancestors()
        .find_map(|folder| fs::read_to_string(folder.join(RUN_FILE)).ok())?;
    let running: Running = serde_json::from_str(&text).ok()?;
    // The file of a launcher that was killed says nothing.
    processes::all().iter().any(|process| process.pid == running.pid).then_some(running)
}

impl Running {
    /// A variable of its programs.
    pub fn variable(&self, name: &str) -> Option<String> {
        self.environment.get(name).cloned()
    }

    /// The superuser of its database. `local up` trusts everybody on loopback.
    pub fn superuser_url(&self) -> Option<String> {
        let mut url = Url::parse(self.environment.get("DATABASE_URL")?).ok()?;
        url.set_username("postgres").and_then(|()| url.set_password(None)).ok()?;
        Some(url.into())
    }

    /// The programs and servers below the launcher, by name.
    pub fn processes(&self) -> Vec<(String, u32)> {
        let all = processes::all();
        let below = processes::descendants(&all, self.pid);
        let is_first = |process: &&Process| {
            let parent = all.iter().find(|other| other.pid == process.parent);
            parent.is_none_or(|parent| parent.name != process.name)
        };
        let named = below.into_iter().filter(|process| PROGRAMS.contains(&process.name.as_str()));
        named.filter(is_first).map(|process| (process.name.clone(), process.pid)).collect()
    }
}
