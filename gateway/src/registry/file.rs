//! Subscribers in a file, for development and tests: a JSON array of objects with `subscriber_id`, `key_id`,
//! `signing_public_key`, and as wanted `url`, `type`, `domain`, `network_memberships` (as in DeDi: without them it is of no
//! network), `valid_from`, `valid_until` and `status`.

use std::{
    collections::HashMap,
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::{
    error::RegistryError,
    record::Record,
    subscriber::{KeyName, Subscriber},
};

/// Between two looks at whether the file has changed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

type Keys = HashMap<String, Arc<Subscriber>>;

/// When the file was last written, and how long it is.
type Stamp = (SystemTime, u64);

#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("the file cannot be read")]
    File(#[from] io::Error),
    #[error("the file is no array of subscribers")]
    Json(#[from] serde_json::Error),
    #[error("entry {0} (counted from 0): {1}")]
    Entry(usize, String),
}

/// The file, and what it held when it could last be read.
pub(super) struct SubscriberFile {
    path: PathBuf,
    content: Mutex<Content>,
}

#[derive(Default)]
struct Content {
    looked: Option<Instant>,
    /// Of what was read last, also when it could not be used; none: it was not there.
    stamp: Option<Stamp>,
    subscribers: Option<HashMap<String, Keys>>,
    failing_since: Option<DateTime<Utc>>,
}

impl SubscriberFile {
    pub fn new(path: PathBuf) -> Self {
        Self { path, content: Mutex::default() }
    }

    pub fn find(&self, key: KeyName, now: DateTime<Utc>) -> Result<Arc<Subscriber>, RegistryError> {
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        self.look(&mut content, now);
        let Some(subscribers) = &content.subscribers else {
            return Err(RegistryError::Unavailable { since: content.failing_since.unwrap_or(now) });
        };
        let KeyName { subscriber, key_id } = key;
        match subscribers.get(&subscriber).map(|keys| keys.get(&key_id)) {
            Some(Some(found)) => Ok(found.clone()),
            Some(None) => Err(RegistryError::KeyNotFound { subscriber, key_id }),
            None => Err(RegistryError::SubscriberNotFound { subscriber, key_id }),
        }
    }

    /// Reads the file again when it has changed. What cannot be used leaves what was there before.
    fn look(&self, content: &mut Content, now: DateTime<Utc>) {
        if content.looked.is_some_and(|at| at.elapsed() < LOOK_AGAIN) {
            return;
        }
        let first = content.looked.replace(Instant::now()).is_none();
        let stamp = fs::metadata(&self.path).and_then(|file| Ok((file.modified()?, file.len()))).ok();
        if stamp == std::mem::replace(&mut content.stamp, stamp) && !first {
            return;
        }
        let read = fs::read(&self.path).map_err(Unreadable::from).and_then(|json| read(&json));
        match read {
            Ok(subscribers) => {
                tracing::info!(path = %self.path.display(), subscribers = subscribers.len(), "subscribers read");
                content.subscribers = Some(subscribers);
                content.failing_since = None;
            }
            Err(error) => {
                content.failing_since.get_or_insert(now);
                let (path, error) = (self.path.display(), p2p_runtime::chain(&error));
                tracing::error!(%path, error, "subscribers stay what they were");
            }
        }
    }
}

fn read(json: &[u8]) -> Result<HashMap<String, Keys>, Unreadable> {
    let mut subscribers: HashMap<String, Keys> = HashMap::new();
    let records: Vec<Record> = serde_json::from_slice(json)?;
    for (nth, record) in records.into_iter().enumerate() {
        let subscriber = entry(record).map_err(|why| Unreadable::Entry(nth, why))?;
        let keys = subscribers.entry(subscriber.subscriber_id.clone()).or_default();
        if keys.insert(subscriber.key_id.clone(), Arc::new(subscriber)).is_some() {
            return Err(Unreadable::Entry(nth, "this key of this subscriber was there before".into()));
        }
    }
    Ok(subscribers)
}

fn entry(mut record: Record) -> Result<Subscriber, String> {
    let (Some(subscriber), Some(key_id)) = (&record.subscriber_id, &record.key_id) else {
        return Err("it must have subscriber_id and key_id".into());
    };
    let key = KeyName::parse(subscriber, key_id).ok_or("its subscriber_id or key_id can be none")?;
    record.network_memberships.get_or_insert_default();
    record.subscriber(&key)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_file_that_could_be_meant_otherwise_is_not_used() {
        let one = r#"{"subscriber_id":"a","key_id":"k","signing_public_key":"x"}"#;
        assert_eq!(read(format!("[{one}]").as_bytes()).unwrap().len(), 1);
        for (file, why) in [
            (String::new(), "the file is no array of subscribers"),
            (one.into(), "the file is no array of subscribers"),
            (
                format!("[{one},{one}]"),
                "entry 1 (counted from 0): this key of this subscriber was there before",
            ),
            (r#"[{"key_id":"k"}]"#.into(), "entry 0 (counted from 0): it must have subscriber_id and key_id"),
        ] {
            assert_eq!(read(file.as_bytes()).unwrap_err().to_string(), why, "{file}");
        }
    }
}
