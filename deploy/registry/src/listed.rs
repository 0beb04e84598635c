//! The subscribers of the file, as it is now.

use std::{
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An entry of the file: what a registry tells of a subscriber with one of its keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Subscriber {
    pub subscriber_id: String,
    pub key_id: String,
    pub signing_public_key: String,
    /// Of which networks it is; DeDi only.
    #[serde(default, skip_serializing)]
    pub network_memberships: Vec<String>,
    /// For how many seconds the entry holds; DeDi only.
    #[serde(default, skip_serializing)]
    pub ttl: Option<u64>,
    /// What else is told, as it stands: url, type, domain, status, dates.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("it cannot be read")]
    File(#[from] io::Error),
    #[error("it is no array of subscribers")]
    Json(#[from] serde_json::Error),
}

/// When the file was last written, and how long it is.
type Stamp = (SystemTime, u64);

/// The file; clones are the same.
#[derive(Debug, Clone)]
pub struct Listed(Arc<Listing>);

#[derive(Debug)]
struct Listing {
    path: PathBuf,
    /// What could last be read; the stamp is that of the last attempt, none when the file was not there.
    content: Mutex<(Option<Stamp>, Arc<[Subscriber]>)>,
}

impl Listed {
    /// # Errors
    /// When the file cannot be used: so it is found at the start.
    pub fn open(path: PathBuf) -> Result<Self, Unreadable> {
        // Before it is read: a change after that is seen.
        let stamp = stamp(&path)?;
        let content = Mutex::new((Some(stamp), read(&path)?));
        Ok(Self(Arc::new(Listing { path, content })))
    }

    /// Those that the file lists now. While it cannot be used, those that it listed before.
    pub fn now(&self) -> Arc<[Subscriber]> {
        let Listing { path, content } = &*self.0;
        let mut content = content.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = stamp(path).ok();
        if content.0 != stamp {
            content.0 = stamp;
            match read(path) {
                Ok(subscribers) => {
                    tracing::info!(path = %path.display(), subscribers = subscribers.len(), "file read again");
                    content.1 = subscribers;
                }
                Err(error) => {
                    let error = p2p_runtime::chain(&error);
                    tracing::error!(path = %path.display(), error, "subscribers stay what they were");
                }
            }
        }
        content.1.clone()
    }
}

fn stamp(path: &PathBuf) -> io::Result<Stamp> {
    fs::metadata(path).and_then(|file| Ok((file.modified()?, file.len())))
}

fn read(path: &PathBuf) -> Result<Arc<[Subscriber]>, Unreadable> {
    Ok(serde_json::from_slice::<Vec<_>>(&fs::read(path)?)?.into())
}
