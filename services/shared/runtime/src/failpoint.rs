//! Places at which a program can be made to die, for tests. `CRASH_AT` names one: `gateway.claimed`, or
//! `order.batch.decided#3` for the third time that it is crossed. The program then dies as by kill -9: nothing
//! unwinds, nothing is flushed, nobody is told. At the place that `FREEZE_AT` names it stops as by SIGSTOP, and goes on
//! when somebody says SIGCONT.
//!
//! Without the feature `failpoints` there are none: [`failpoint!`](crate::failpoint!) is compiled to nothing, and
//! neither variable is read.

/// A place at which a program can be made to die. Takes a name as `format!` does.
#[cfg(feature = "failpoints")]
#[macro_export]
macro_rules! failpoint {
    ($($name:tt)*) => {
        $crate::failpoint::cross(format_args!($($name)*))
    };
}

/// A place at which a program can be made to die. Takes a name as `format!` does.
#[cfg(not(feature = "failpoints"))]
#[macro_export]
macro_rules! failpoint {
    ($($name:tt)*) => {};
}

#[cfg(feature = "failpoints")]
pub(crate) use armed::arm;
#[cfg(feature = "failpoints")]
pub use armed::cross;

#[cfg(feature = "failpoints")]
mod armed {
    use std::{
        fmt,
        str::FromStr,
        sync::{
            OnceLock,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use nix::{
        sys::signal::{Signal, kill},
        unistd::Pid,
    };

    use crate::{Env, EnvError};

    const UNTIL_ALL_STOP: Duration = Duration::from_millis(100);

    static DIES: OnceLock<Armed> = OnceLock::new();
    static FREEZES: OnceLock<Armed> = OnceLock::new();

    /// A place to die or to stop at.
    #[derive(Debug)]
    struct Armed {
        name: String,
        /// It is struck when it crosses the last one.
        crossings_left: AtomicUsize,
    }

    impl FromStr for Armed {
        type Err = std::num::ParseIntError;

        fn from_str(text: &str) -> Result<Self, Self::Err> {
            let (name, crossing) = text.split_once('#').unwrap_or((text, "1"));
            Ok(Self { name: name.to_owned(), crossings_left: AtomicUsize::new(crossing.parse()?) })
        }
    }

    impl Armed {
        fn is_reached(&self, name: fmt::Arguments<'_>) -> bool {
            name.to_string() == self.name && self.crossings_left.fetch_sub(1, Ordering::Relaxed) == 1
        }
    }

    /// Reads `CRASH_AT` and `FREEZE_AT`.
    ///
    /// # Errors
    /// When what follows `#` is no number.
    pub(crate) fn arm(env: &Env) -> Result<(), EnvError> {
        for (place, name) in [(&DIES, "CRASH_AT"), (&FREEZES, "FREEZE_AT")] {
            if let Some(text) = env.optional(name) {
                let armed = text.parse::<Armed>();
                let armed = armed.map_err(|e| EnvError::Invalid { name, why: e.to_string(), text })?;
                // A program is armed once, when it starts.
                let _ = place.set(armed);
            }
        }
        Ok(())
    }

    /// Dies or stops if this is the place.
    pub fn cross(name: fmt::Arguments<'_>) {
        let is_reached = |place: &OnceLock<Armed>| place.get().is_some_and(|armed| armed.is_reached(name));
        if is_reached(&DIES) {
            let _ = kill(Pid::this(), Signal::SIGKILL);
            // SIGKILL does not return.
            std::process::abort();
        }
        if is_reached(&FREEZES) {
            let _ = kill(Pid::this(), Signal::SIGSTOP);
            // Another thread may be the first to stop.
            std::thread::sleep(UNTIL_ALL_STOP);
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_place_is_reached_once_at_the_crossing_that_was_named() {
            let armed: Armed = "order.batch.decided#3".parse().unwrap();
            let reached: Vec<bool> = (1..=5)
                .map(|_| {
                    assert!(!armed.is_reached(format_args!("order.{}.decided", "none")));
                    armed.is_reached(format_args!("order.{}.decided", "batch"))
                })
                .collect();
            assert_eq!(reached, [false, false, true, false, false]);
            assert!("gateway.claimed".parse::<Armed>().unwrap().is_reached(format_args!("gateway.claimed")));
            assert!("gateway.claimed#x".parse::<Armed>().is_err());
        }
    }
}
