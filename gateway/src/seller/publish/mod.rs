//! Publishes what our sellers have for sale to a CDS elsewhere: each provider's items and offers as one catalog.
//!
//! Nothing is queued. Again and again this looks at what there is and publishes what the CDS is not known to have; what a
//! crash or a lost message leaves out is found by the next look, and all of it is published again from time to time.

mod config;
mod known;
mod sale;

pub use config::{Config as PublishConfig, Wanted};

use std::{collections::HashMap, ops::Deref, sync::Arc, time::Duration};

use axum::http::StatusCode;
use futures::{StreamExt, stream};
use p2p_domain::{Clock, ParticipantId, TransactionId};
use p2p_proto::catalog::{ListProvidersRequest, Provider};
use p2p_runtime::{
    Stop, Tasks,
    trace::{self, FutureExt},
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};
use tonic::Status;
use uuid::Uuid;

use self::known::{Digest, Known};
use crate::{
    beckn::{Action, Context, Envelope, ErrorBody, PeerAnswer, Profile, lts::publish::Sale},
    config::Config,
    metrics::{self, Publication},
    peers::{Answered, PeerError, Peers},
    services::Services,
    signed::{Side, Signatures},
};

/// Changes that follow each other so closely are published together.
const TOGETHER: Duration = Duration::from_millis(200);
/// Between two looks for the sake of what has failed.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
const PAGE: u32 = 100;
/// Providers that are looked at together.
const AT_ONCE: usize = 4;
/// Signatures that are remembered until they are answered.
const SIGNED: usize = 10_000;

/// Publishes. Clones are the same.
#[derive(Clone)]
pub struct Publisher(Arc<Parts>);

/// What it works with.
pub struct Parts {
    config: Arc<Config>,
    clock: Clock,
    services: Services,
    peers: Peers,
    signatures: Signatures,
    changed: Notify,
    /// By message_id, the signatures of what was published of late.
    signed: quick_cache::sync::Cache<String, String>,
}

impl Deref for Publisher {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// What is known of each provider.
type Memory = HashMap<String, Known>;

/// What the CDS said.
enum Verdict {
    Accepted,
    Refused(ErrorBody),
    /// Nothing that counts, and why.
    None(String),
}

impl Publisher {
    /// Of the gateway's parts; it does nothing before it is started.
    pub fn new(
        config: Arc<Config>,
        clock: Clock,
        services: Services,
        peers: Peers,
        signatures: Signatures,
    ) -> Self {
        let (changed, signed) = (Notify::new(), quick_cache::sync::Cache::new(SIGNED));
        Self(Arc::new(Parts { config, clock, services, peers, signatures, changed, signed }))
    }

    /// Whether anything is published. Our own CDS finds what our sellers have anyway.
    fn is_on(&self) -> bool {
        let elsewhere = !self.peers.is_own(&self.config.identity.cds_uri);
        match self.config.publish.wanted {
            Wanted::On if !elsewhere => {
                tracing::warn!("PUBLISH=on publishes nothing: CDS_URI is among OWN_URIS");
                false
            }
            Wanted::On => true,
            Wanted::Off => false,
            Wanted::AsUsual => elsewhere && self.config.profile == Profile::Lts,
        }
    }

    /// Publishes from now on, if that is wanted.
    pub fn start(&self, tasks: &Tasks, stop: &Stop) {
        if self.is_on() {
            let (publisher, stop) = (self.clone(), stop.clone());
            let publishing = async move {
                tokio::select! {
                    () = publisher.publish_on_and_on() => {}
                    // What is under way is published by whoever starts next.
                    () = stop.cancelled() => {}
                }
            };
            tasks.spawn(publishing.with_context(trace::untraced()));
        }
    }

    /// Something for sale has changed: it is published soon.
    pub fn nudge(&self) {
        self.changed.notify_one();
    }

    /// The signature of the publication that a CDS answers with this; none when this gateway has not published it of late.
    pub fn signature_of(&self, body: &str) -> Option<String> {
        let envelope = Envelope::read(body, Action::Publish.callback()).ok()?;
        self.signed.get(envelope.context.message_id.as_str())
    }

    async fn publish_on_and_on(&self) {
        let mut memory = Memory::new();
        loop {
            if let Err(error) = self.look(&mut memory).await {
                tracing::warn!(%error, "what is for sale cannot be read, and is published later");
            }
            tokio::select! {
                () = sleep(self.pause(&memory)) => {}
                () = self.changed.notified() => sleep(TOGETHER).await,
            }
        }
    }

    /// Until the next look: what has failed may be due before the others.
    fn pause(&self, memory: &Memory) -> Duration {
        let every = self.config.publish.every;
        let due = memory.values().filter_map(Known::again_at).min();
        due.map_or(every, |due| due.saturating_duration_since(Instant::now()).max(SHORTEST_PAUSE).min(every))
    }

    /// Publishes what the CDS is not known to have. What cannot be read of one provider holds up no other.
    async fn look(&self, memory: &mut Memory) -> Result<(), Status> {
        let (mut cursor, mut unread) = (String::new(), None);
        loop {
            let request = ListProvidersRequest { page_size: PAGE, cursor, ..ListProvidersRequest::default() };
            let page = self.services.catalog.clone().list_providers(request).await?.into_inner();
            // Whoever made it: its orders are taken here.
            let ours = page.providers.into_iter().filter(|provider| provider.bpp_uri.is_empty());
            let ours: Vec<_> = ours
                .map(|provider| (memory.get(&provider.id).copied().unwrap_or_default(), provider))
                .collect();
            let mut looked = stream::iter(ours)
                .map(async |(known, provider)| {
                    let known = self.provider(&provider, known).await;
                    (provider.id, known)
                })
                .buffer_unordered(AT_ONCE);
            while let Some((id, known)) = looked.next().await {
                match known {
                    Ok(known) => drop(memory.insert(id, known)),
                    Err(error) => unread = Some(error),
                }
            }
            cursor = page.next_cursor;
            if cursor.is_empty() {
                return unread.map_or(Ok(()), Err);
            }
        }
    }

    /// Publishes a provider's catalog if that is due. Answers what is known of it then.
    async fn provider(&self, provider: &Provider, known: Known) -> Result<Known, Status> {
        let sale = self.sale(provider).await?;
        // Of an earlier life of this program, or of another gateway, something may be in the index.
        if !sale.is_active() && !known.is_any() && !self.has_items(provider).await? {
            return Ok(known);
        }
        let (catalog, again) = (Digest::of(sale.text()), self.config.publish.again);
        if !known.wants(catalog, sale.is_active(), again, Instant::now()) {
            return Ok(known);
        }
        let verdict = self.post(provider, &sale).await;
        Ok(self.heard(provider, catalog, verdict, known))
    }

    async fn post(&self, provider: &Provider, sale: &Sale) -> Verdict {
        let Config { identity: us, network_id, .. } = &*self.config;
        let now = self.clock.now();
        let bpp = (&us.bpp_id, us.bpp_uri.as_str());
        let (transaction, network) = (publications_of(&us.bpp_id, provider), network_id.clone());
        let context =
            Context::request(Profile::Lts, Action::Publish, now, transaction, bpp, Some(bpp), network);
        let message_id = context.message_id.to_string();
        let body = sale.publication(context);
        let authorization = self.signatures.sign_request(Side::Bpp, &body, now);
        if let Some(signature) =
            authorization.as_deref().and_then(|header| self.signatures.signature_of(header))
        {
            self.signed.insert(message_id, signature);
        }
        let uri = format!("{}/{}", us.cds_uri.trim_end_matches('/'), Action::Publish);
        verdict(self.peers.post(&uri, &body, authorization.as_deref()).await)
    }

    fn heard(&self, provider: &Provider, catalog: Digest, verdict: Verdict, known: Known) -> Known {
        let (provider, cds, now) = (&provider.id, &self.config.identity.cds_uri, Instant::now());
        match verdict {
            Verdict::Accepted => {
                metrics::published(Publication::Accepted);
                tracing::debug!(provider, cds, "a catalog is published");
                known.accepted(catalog, now)
            }
            Verdict::Refused(ErrorBody { code, message }) => {
                metrics::published(Publication::Refused);
                let (known, is_news) = known.refused(catalog, now);
                if is_news {
                    tracing::warn!(provider, cds, code, message, "the CDS refuses a catalog");
                }
                known
            }
            Verdict::None(why) => {
                metrics::published(Publication::Failed);
                tracing::info!(provider, cds, why, "a catalog is not published, again later");
                known.failed(now)
            }
        }
    }
}

/// All publications of a provider are one transaction: a CDS counts those that a participant begins.
fn publications_of(bpp: &ParticipantId, provider: &Provider) -> TransactionId {
    let name = format!("catalogs of {} at {bpp}", provider.id);
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).into()
}

fn verdict(answered: Result<Answered, PeerError>) -> Verdict {
    let answer = match answered {
        Ok(answer) => answer,
        Err(error) => return Verdict::None(error.to_string()),
    };
    let overloaded = answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS;
    match PeerAnswer::read(&answer.body) {
        Some(PeerAnswer::Ack) if answer.status.is_success() => Verdict::Accepted,
        Some(PeerAnswer::Nack(error)) if !overloaded => Verdict::Refused(error),
        _ => Verdict::None(format!("answered {} without a verdict", answer.status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_verdict_counts_and_who_has_too_much_to_do_gives_none() {
        const ACK: &str = r#"{"message":{"status":"ACK","messageId":"m"}}"#;
        const NACK: &str =
            r#"{"message":{"status":"NACK","error":{"code":"AUT_UNAUTHORIZED_ACTION","message":"no"}}}"#;
        for (status, body, wanted) in [
            (200, ACK, "accepted"),
            (202, ACK, "accepted"),
            (200, NACK, "refused"),
            (401, NACK, "refused"),
            (429, NACK, "none"),
            (503, NACK, "none"),
            (502, ACK, "none"),
            (200, r#"{"status":"ok"}"#, "none"),
            (404, "<html>", "none"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let answered = Answered { status, retry_after: None, body: body.into(), signature: None };
            let said = match verdict(Ok(answered)) {
                Verdict::Accepted => "accepted",
                Verdict::Refused(error) => {
                    assert_eq!(error, ErrorBody::new("AUT_UNAUTHORIZED_ACTION", "no"));
                    "refused"
                }
                Verdict::None(_) => "none",
            };
            assert_eq!(said, wanted, "{status} {body}");
        }
        let stopped = verdict(Err(PeerError::Stopped("cds".into())));
        assert!(matches!(stopped, Verdict::None(_)));
    }
}
