//! Whether a server is fit to be written to: it can be, and what it has committed survives a crash. The promise stands
//! on it.

use std::{
    fmt,
    str::FromStr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sea_orm::sqlx::{self, PgConnection, Row};

/// Between two complaints in the log.
const QUIET: Duration = Duration::from_secs(60);
/// Of PostgreSQL itself; other engines that speak its protocol answer NULL, or what means nothing there.
const QUESTION: &str = "SELECT version(), current_setting('fsync', true), \
                        current_setting('full_page_writes', true), current_setting('synchronous_commit', true), \
                        current_setting('transaction_read_only', true)";

/// A setting without which a commit may be lost, or more than it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setting {
    /// Commits reach the disk in order.
    Fsync,
    /// A page that was half written is mended.
    FullPageWrites,
    /// A commit is answered when it is on the disk.
    SynchronousCommit,
}

impl Setting {
    /// As [`QUESTION`] asks for them.
    const ALL: [Self; 3] = [Self::Fsync, Self::FullPageWrites, Self::SynchronousCommit];

    fn name(self) -> &'static str {
        match self {
            Self::Fsync => "fsync",
            Self::FullPageWrites => "full_page_writes",
            Self::SynchronousCommit => "synchronous_commit",
        }
    }
}

/// `DATABASE_ALLOW_OFF`: the settings that may be off all the same.
#[derive(Debug, Clone, Default)]
pub struct AllowOff(Vec<Setting>);

impl AllowOff {
    /// All that are asked for: of a database whose data nobody misses.
    pub fn everything() -> Self {
        Self(Setting::ALL.to_vec())
    }
}

/// Names, separated by commas.
impl FromStr for AllowOff {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let setting = |name: &str| {
            let found = Setting::ALL.into_iter().find(|setting| setting.name() == name);
            found.ok_or_else(|| format!("{name:?} is not one of {}", Self::everything()))
        };
        text.split(',').map(|name| setting(name.trim())).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for AllowOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(|setting| setting.name()).collect::<Vec<_>>().join(","))
    }
}

/// A server that may forget what it has committed.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "PostgreSQL runs with {off} off: what it has committed may be lost in a crash. Turn it on, or say that this is \
     meant with DATABASE_ALLOW_OFF={off}"
)]
pub struct Forgetful {
    off: AllowOff,
}

/// Why a connection is not used.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Unfit {
    /// For as long as the server is run so.
    #[error(transparent)]
    Forgetful(#[from] Forgetful),
    /// Until the server is promoted, or its name leads to the one that was.
    #[error("PostgreSQL takes no writes: it is a standby, or read only")]
    ReadOnly,
}

/// Looks at every new connection: another server may have taken the place of the one before.
#[derive(Debug)]
pub(super) struct Watch {
    allowed: AllowOff,
    refused: Mutex<Option<(Unfit, Instant)>>,
}

impl Watch {
    pub(super) fn new(allowed: AllowOff) -> Self {
        Self { allowed, refused: Mutex::new(None) }
    }

    /// Refuses a connection to a server that is not fit.
    pub(super) async fn check(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let row = sqlx::raw_sql(QUESTION).fetch_one(connection).await?;
        let values = [row.try_get(1)?, row.try_get(2)?, row.try_get(3)?];
        let unfit = match forgetful(row.try_get(0)?, values, &self.allowed) {
            Some(forgetful) => Unfit::Forgetful(forgetful),
            None if row.try_get::<Option<&str>, _>(4)? == Some("on") => Unfit::ReadOnly,
            None => return Ok(()),
        };
        self.complain(&unfit);
        Err(sqlx::Error::Configuration(unfit.into()))
    }

    /// Why the last connection was refused, if it may forget.
    pub(super) fn forgetful(&self) -> Option<Forgetful> {
        match self.lock().as_ref() {
            Some((Unfit::Forgetful(forgetful), _)) => Some(forgetful.clone()),
            _ => None,
        }
    }

    fn complain(&self, unfit: &Unfit) {
        let mut refused = self.lock();
        if refused.as_ref().is_none_or(|(_, at)| at.elapsed() > QUIET) {
            tracing::error!("{unfit}");
            *refused = Some((unfit.clone(), Instant::now()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Unfit, Instant)>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is off though it is not allowed to be. YugabyteDB and CockroachDB are durable by other means.
fn forgetful(version: &str, values: [Option<&str>; 3], allowed: &AllowOff) -> Option<Forgetful> {
    if !version.starts_with("PostgreSQL ") || version.contains("-YB-") {
        return None;
    }
    let off = Setting::ALL.into_iter().zip(values).filter(|(_, value)| *value == Some("off"));
    let off: Vec<_> =
        off.map(|(setting, _)| setting).filter(|setting| !allowed.0.contains(setting)).collect();
    (!off.is_empty()).then_some(Forgetful { off: AllowOff(off) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSTGRESQL: &str = "PostgreSQL 15.9 (Debian 15.9-0+deb12u1) on x86_64-pc-linux-gnu";

    fn off(version: &str, values: [&str; 3], allowed: &str) -> Option<String> {
        let allowed = if allowed.is_empty() { AllowOff::default() } else { allowed.parse().unwrap() };
        forgetful(version, values.map(Some), &allowed).map(|forgetful| forgetful.off.to_string())
    }

    #[test]
    fn what_may_forget_is_named() {
        for (values, said) in [
            (["on", "on", "on"], None),
            (["on", "on", "remote_apply"], None),
            (["on", "on", "local"], None),
            (["off", "on", "on"], Some("fsync")),
            (["on", "off", "off"], Some("full_page_writes,synchronous_commit")),
        ] {
            assert_eq!(off(POSTGRESQL, values, "").as_deref(), said, "{values:?}");
        }
        assert_eq!(forgetful(POSTGRESQL, [None; 3], &AllowOff::default()).map(|f| f.to_string()), None);
    }

    #[test]
    fn what_is_allowed_by_name_is_not_refused() {
        assert_eq!(off(POSTGRESQL, ["off", "off", "on"], "fsync, full_page_writes"), None);
        assert_eq!(off(POSTGRESQL, ["off", "off", "on"], "fsync").as_deref(), Some("full_page_writes"));
        let said = "fsync,sync".parse::<AllowOff>().unwrap_err();
        assert_eq!(said, "\"sync\" is not one of fsync,full_page_writes,synchronous_commit");
    }

    #[test]
    fn engines_that_only_speak_its_protocol_are_not_asked() {
        for version in ["CockroachDB CCL v24.1.0", "PostgreSQL 15.2-YB-2.25.0.0-b0 on x86_64"] {
            assert_eq!(off(version, ["off", "off", "off"], ""), None);
        }
    }
}
