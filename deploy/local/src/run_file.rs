//! `.local/run.json`: what the launcher that runs in this checkout has started, for the other commands.

use std::{collections::BTreeMap, fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::lock;

const NAME: &str = "run.json";

/// A running system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFile {
    /// The launcher.
    pub pid: u32,
    /// The gateway's buyer side.
    pub bap_url: String,
    /// The catalog discovery service.
    pub cds_url: String,
    /// The other gateways, of several.
    #[serde(default)]
    pub other_gateways: Vec<GatewayUrls>,
    /// The variables its programs were given.
    pub environment: BTreeMap<String, String>,
}

/// Where one gateway is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayUrls {
    /// Its buyer side.
    pub bap_url: String,
    /// Its catalog discovery service.
    pub cds_url: String,
}

impl RunFile {
    /// Writes it, for its owner's eyes: URLs may carry passwords.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, local: &Path) -> anyhow::Result<()> {
        Self::remove(local);
        let text = serde_json::to_string_pretty(self)?;
        fs::File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(local.join(NAME))
            .and_then(|mut file| writeln!(file, "{text}"))
            .context("cannot write run.json")
    }

    /// What runs, if anything does: the file of a launcher that was killed says nothing.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of_the_running(local: &Path) -> anyhow::Result<Option<Self>> {
        let path = local.join(NAME);
        if !path.exists() || !lock::is_running(local)? {
            return Ok(None);
        }
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Some(serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?))
    }

    /// Removes it.
    pub fn remove(local: &Path) {
        // A file that stays behind is without effect: nobody holds the lock.
        let _ = fs::remove_file(local.join(NAME));
    }
}
