//! Faults that tests must find. `PLANTED_BUG` names the one that a program has; `make chaos-proof` shows that each is
//! found.
//!
//! Without the feature `planted-bugs` there are none: [`planted`] is false, and `PLANTED_BUG` is not read.

#[cfg(feature = "planted-bugs")]
pub use told::plant;

/// A fault of the kind that breaks promises in systems like this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// `claim-unchecked`: what was free a moment ago is claimed, and not looked at again under its lock.
    ClaimUnchecked,
    /// `pick-before-lock`: free blocks are picked in the statement that guards them, as they were before the lock.
    PickBeforeLock,
    /// `active-before-sale`: an order is ACTIVE when its confirm is accepted, before its blocks are sold.
    ActiveBeforeSale,
    /// `ack-before-commit`: an action is acknowledged, and then committed.
    AckBeforeCommit,
    /// `dedupe-in-redis`: only Redis knows which messages have come before.
    DedupeInRedis,
    /// `unfenced`: whoever has lost its lease still finishes its work.
    Unfenced,
    /// `expiry-alone`: an order expires, and its reservation is forgotten.
    ExpiryAlone,
    /// `body-per-attempt`: a callback is written anew for each attempt to deliver it.
    BodyPerAttempt,
    /// `stale-cache`: what Redis says of a buyer's state is not compared with the mailbox.
    StaleCache,
}

/// Whether this program has it.
#[cfg(not(feature = "planted-bugs"))]
#[inline]
pub const fn planted(_: Bug) -> bool {
    false
}

/// Whether this program has it.
#[cfg(feature = "planted-bugs")]
pub fn planted(bug: Bug) -> bool {
    told::bug() == Some(bug)
}

#[cfg(feature = "planted-bugs")]
mod told {
    use std::{str::FromStr, sync::OnceLock};

    use super::Bug;
    use crate::{Env, EnvError};

    const NAME: &str = "PLANTED_BUG";
    const BUGS: [(&str, Bug); 9] = [
        ("claim-unchecked", Bug::ClaimUnchecked),
        ("pick-before-lock", Bug::PickBeforeLock),
        ("active-before-sale", Bug::ActiveBeforeSale),
        ("ack-before-commit", Bug::AckBeforeCommit),
        ("dedupe-in-redis", Bug::DedupeInRedis),
        ("unfenced", Bug::Unfenced),
        ("expiry-alone", Bug::ExpiryAlone),
        ("body-per-attempt", Bug::BodyPerAttempt),
        ("stale-cache", Bug::StaleCache),
    ];

    static PLANTED: OnceLock<Option<Bug>> = OnceLock::new();

    impl FromStr for Bug {
        type Err = String;

        fn from_str(text: &str) -> Result<Self, String> {
            let found = BUGS.iter().find(|(name, _)| *name == text).map(|(_, bug)| *bug);
            found.ok_or_else(|| format!("it is none of {}", BUGS.map(|(name, _)| name).join(", ")))
        }
    }

    /// Reads `PLANTED_BUG`. The first to do so in a process decides.
    ///
    /// # Errors
    /// When there is no such bug.
    pub fn plant(env: &Env) -> Result<(), EnvError> {
        let told = env.optional(NAME).map(|text| text.parse().map_err(|why| (text, why))).transpose();
        let told = told.map_err(|(text, why)| EnvError::Invalid { name: NAME, text, why })?;
        let _ = PLANTED.set(told);
        Ok(())
    }

    pub(super) fn bug() -> Option<Bug> {
        PLANTED.get().copied().flatten()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_bug_has_a_name_and_nothing_else_is_one() {
            assert_eq!("unfenced".parse(), Ok(Bug::Unfenced));
            let why = plant(&Env::of([(NAME, "unfenced,stale-cache")])).unwrap_err().to_string();
            assert!(why.contains("none of claim-unchecked, pick-before-lock"), "{why}");
        }
    }
}
