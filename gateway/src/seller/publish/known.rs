//! What this gateway knows of a provider's publications. Forgetting it costs a publication more, never one less.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// SHA-256 of a catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of its text.
    pub fn of(catalog: &str) -> Self {
        Self(Sha256::digest(catalog).into())
    }
}

/// What is known of a provider.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known {
    /// What the CDS took last, and when. None as soon as something else may have arrived there.
    taken: Option<(Digest, Instant)>,
    failure: Option<Failure>,
    /// The catalog whose refusal was logged.
    warned_of: Option<Digest>,
}

/// The newest attempt, when it failed.
#[derive(Debug, Clone, Copy)]
struct Failure {
    /// What was refused; none when there was no verdict: then nothing else would fare better.
    refused: Option<Digest>,
    pause: Duration,
    again_at: Instant,
}

impl Known {
    /// Whether a catalog is to be published now. What is for sale is said again after `again`; that nothing is, once.
    pub fn wants(&self, catalog: Digest, is_active: bool, again: Duration, now: Instant) -> bool {
        match (self.failure, self.taken) {
            (Some(failure), _) if failure.refused.is_none_or(|refused| refused == catalog) => {
                now >= failure.again_at
            }
            (None, Some((taken, at))) if taken == catalog => is_active && now >= at + again,
            _ => true,
        }
    }

    /// Whether something may have been published by this gateway.
    pub fn is_any(&self) -> bool {
        self.taken.is_some() || self.failure.is_some()
    }

    /// When the next attempt is due after one that failed.
    pub fn again_at(&self) -> Option<Instant> {
        self.failure.map(|failure| failure.again_at)
    }

    /// The CDS took it.
    pub fn accepted(self, catalog: Digest, now: Instant) -> Self {
        Self { taken: Some((catalog, now)), failure: None, ..self }
    }

    /// The CDS refused it. Says whether that is news.
    pub fn refused(self, catalog: Digest, now: Instant) -> (Self, bool) {
        let is_news = self.warned_of != Some(catalog);
        (Self { warned_of: Some(catalog), ..self.again(Some(catalog), now) }, is_news)
    }

    /// There was no verdict; it may have arrived.
    pub fn failed(self, now: Instant) -> Self {
        self.again(None, now)
    }

    fn again(self, refused: Option<Digest>, now: Instant) -> Self {
        let before = self.failure.filter(|failure| failure.refused == refused);
        let pause = before.map_or(FIRST_PAUSE, |failure| (failure.pause * 2).min(LONGEST_PAUSE));
        Self { taken: None, failure: Some(Failure { refused, pause, again_at: now + pause }), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGAIN: Duration = Duration::from_secs(600);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_taken_is_published_again_when_it_changes_or_has_stood_long() {
        let (now, one, other) = (Instant::now(), Digest::of("one"), Digest::of("other"));
        assert!(Known::default().wants(one, true, AGAIN, now));
        let known = Known::default().accepted(one, now);
        assert!(!known.wants(one, true, AGAIN, now + seconds(599)));
        assert!(known.wants(one, true, AGAIN, now + AGAIN));
        assert!(known.wants(other, true, AGAIN, now));
        assert!(!known.wants(one, false, AGAIN, now + AGAIN));
    }

    #[test]
    fn without_a_verdict_it_is_tried_again_ever_later_whatever_it_is_by_then() {
        let (mut now, one, other) = (Instant::now(), Digest::of("one"), Digest::of("other"));
        let mut known = Known::default().accepted(one, now);
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            known = known.failed(now);
            for catalog in [one, other] {
                assert!(!known.wants(catalog, true, AGAIN, now + seconds(pause) - Duration::from_millis(1)));
                assert!(known.wants(catalog, true, AGAIN, now + seconds(pause)), "{pause}");
            }
            now += seconds(pause);
        }
        // What was tried may have arrived: what was there before is published again.
        assert!(known.wants(one, false, AGAIN, now));
        assert!(!known.accepted(one, now).wants(one, true, AGAIN, now));
    }

    #[test]
    fn what_replaces_a_refused_catalog_is_tried_at_once_and_a_refusal_is_news_once() {
        let (now, one, other) = (Instant::now(), Digest::of("one"), Digest::of("other"));
        let (known, is_news) = Known::default().refused(one, now);
        assert!(is_news && !known.wants(one, true, AGAIN, now) && known.wants(other, true, AGAIN, now));
        let (known, is_news) = known.refused(one, now);
        assert!(!is_news && !known.wants(one, true, AGAIN, now + seconds(1)));
        let (known, is_news) = known.refused(other, now);
        assert!(is_news && known.wants(other, true, AGAIN, now + seconds(1)));
    }
}
