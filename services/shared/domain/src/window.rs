//! Spans of time.

use chrono::{DateTime, TimeDelta, Utc};

/// A span of time in UTC: start inclusive, end exclusive, never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeWindow {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
}

/// Why two instants are no window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a time window must end after it starts")]
pub struct WindowError;

impl TimeWindow {
    /// From start to end.
    ///
    /// # Errors
    /// When it does not end after it starts.
    pub fn new(start: DateTime<Utc>, end: DateTime<Utc>) -> Result<Self, WindowError> {
        if end <= start {
            return Err(WindowError);
        }
        Ok(Self { start, end })
    }

    /// When it begins.
    pub fn start(self) -> DateTime<Utc> {
        self.start
    }

    /// When it is over.
    pub fn end(self) -> DateTime<Utc> {
        self.end
    }

    /// How long it lasts.
    pub fn duration(self) -> TimeDelta {
        self.end - self.start
    }

    /// How long both last at once; zero when they do not meet.
    pub fn overlap(self, other: Self) -> TimeDelta {
        (self.end.min(other.end) - self.start.max(other.start)).max(TimeDelta::zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(start: u32, end: u32) -> TimeWindow {
        let at = |h| format!("2026-01-18T{h:02}:00:00Z").parse().unwrap();
        TimeWindow::new(at(start), at(end)).unwrap()
    }

    #[test]
    fn windows_overlap_by_the_time_they_share() {
        assert_eq!(hours(11, 15).overlap(hours(12, 18)), TimeDelta::hours(3));
        assert_eq!(hours(11, 15).overlap(hours(15, 18)), TimeDelta::zero());
        assert_eq!(hours(11, 12).overlap(hours(13, 18)), TimeDelta::zero());
    }
}
