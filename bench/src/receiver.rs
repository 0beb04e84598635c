//! The buyer's side of somebody else, which hears callbacks.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{Router, body::Bytes, extract::State, routing::post};
use serde::Deserialize;
use tokio::{net::TcpListener, sync::Notify, task::JoinSet};

/// Which messages were answered by callbacks, by message_id.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    messages: Arc<Mutex<HashSet<String>>>,
    one_more: Arc<Notify>,
}

#[derive(Deserialize)]
struct Callback {
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    #[serde(alias = "messageId")]
    message_id: String,
}

/// Takes callbacks while it lives.
#[derive(Debug)]
pub struct Receiver {
    /// Where it is called.
    pub uri: String,
    /// What it has heard so far.
    pub heard: Heard,
    _serving: JoinSet<()>,
}

impl Receiver {
    /// On a port of its own.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let uri = format!("http://{}", listener.local_addr()?);
        let heard = Heard::default();
        let app = Router::new()
            .route("/callbacks/{action}", post(hear))
            .route("/{action}", post(hear))
            .with_state(heard.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                eprintln!("no more callbacks are heard: {error}");
            }
        });
        Ok(Self { uri, heard, _serving: serving })
    }
}

async fn hear(State(heard): State<Heard>, body: Bytes) {
    if let Ok(Callback { context }) = serde_json::from_slice(&body) {
        heard.all().insert(context.message_id);
        heard.one_more.notify_waiters();
    }
}

impl Heard {
    fn all(&self) -> MutexGuard<'_, HashSet<String>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there was a callback to this message.
    pub fn has(&self, message_id: &str) -> bool {
        self.all().contains(message_id)
    }

    /// Waits for the callback to this message.
    pub async fn wait_for(&self, message_id: &str) {
        loop {
            let one_more = self.one_more.notified();
            if self.has(message_id) {
                return;
            }
            one_more.await;
        }
    }
}
