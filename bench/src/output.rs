//! Where numbers go beside the terminal: `--json FILE` and `--svg FILE`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde::Serialize;

use crate::plot::Plot;

/// The files that were asked for.
#[derive(Debug, Default)]
pub struct Output {
    /// The numbers.
    pub json: Option<PathBuf>,
    /// A plot of them.
    pub svg: Option<PathBuf>,
}

impl Output {
    /// Writes what was asked for.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, numbers: &impl Serialize, plot: &Plot) -> anyhow::Result<()> {
        if let Some(file) = &self.json {
            write(file, &(serde_json::to_string_pretty(numbers)? + "\n"))?;
        }
        if let Some(file) = &self.svg {
            write(file, &plot.svg()?)?;
        }
        Ok(())
    }
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
