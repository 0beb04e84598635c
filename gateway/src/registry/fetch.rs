//! How a registry is asked: by whoever has the HTTP client.

use std::{error::Error, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use url::Url;

/// A registry has so long to answer; whoever waits for it is answered then.
pub const DEADLINE: Duration = Duration::from_secs(5);
/// Most bytes of an answer. Of a longer one more are read, but it is not used.
pub const MOST_BYTES: usize = 64 * 1024;

/// What a registry is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// Where.
    pub url: Url,
    /// JSON to POST; none: GET.
    pub body: Option<String>,
}

/// What a registry answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body; when it is longer than [`MOST_BYTES`], any longer part of it.
    pub body: Vec<u8>,
}

/// Asks a registry once, without following redirects. It is dropped at the deadline.
pub type Fetch =
    Arc<dyn Fn(Question) -> BoxFuture<'static, Result<Reply, Box<dyn Error + Send + Sync>>> + Send + Sync>;

/// Through this client, which must not follow redirects.
pub fn through(client: reqwest::Client) -> Fetch {
    Arc::new(move |question| {
        let client = client.clone();
        Box::pin(async move { Ok(ask(&client, question).await?) })
    })
}

async fn ask(client: &reqwest::Client, question: Question) -> reqwest::Result<Reply> {
    let request = match question.body {
        Some(body) => {
            client.post(question.url).header(reqwest::header::CONTENT_TYPE, "application/json").body(body)
        }
        None => client.get(question.url),
    };
    let mut response = request.header(reqwest::header::ACCEPT, "application/json").send().await?;
    let (status, mut body) = (response.status().as_u16(), Vec::new());
    while body.len() <= MOST_BYTES
        && let Some(chunk) = response.chunk().await?
    {
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, body })
}
