//! Logs on standard output.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use crate::{Env, EnvError};

const FILTER: &str = "info,sqlx=warn,sea_orm_migration=warn,h2=warn,fred=error";

/// `LOG_FORMAT`: one JSON object a line, or text for people.
#[derive(Clone, Copy)]
enum Format {
    Json,
    Pretty,
}

impl std::str::FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "pretty" => Ok(Self::Pretty),
            _ => Err("must be json or pretty"),
        }
    }
}

/// Starts logging as `LOG_FORMAT` and `RUST_LOG` say.
pub(crate) fn start(env: &Env) -> Result<(), EnvError> {
    let format = env.value("LOG_FORMAT", Format::Pretty)?;
    let text = env.text("RUST_LOG", FILTER);
    let filter = EnvFilter::try_new(&text).map_err(|e| EnvError::Invalid {
        name: "RUST_LOG",
        text,
        why: e.to_string(),
    })?;
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        Format::Json => registry.with(fmt::layer().json().flatten_event(true)).init(),
        Format::Pretty => registry.with(fmt::layer().with_ansi(std::io::stdout().is_terminal())).init(),
    }
    Ok(())
}

/// An error with all its causes, for the log.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
