//! The keys that there are: asked of the order service, and remembered for moments.

use std::time::Duration;

use p2p_proto::order::{
    CreateKeyRequest, GetKeyRequest, Key, KeyKind, ListKeysRequest, ListKeysResponse, RevokeKeyRequest,
    key_service_client::KeyServiceClient,
};
use p2p_runtime::grpc::DeadlineChannel;
use quick_cache::sync::Cache;
use tokio::time::Instant;
use tonic::{Code, Status};

use super::{
    digest::Digest,
    key::{KeyId, Kind},
};

/// What was revoked elsewhere opens something here for so long.
const FOUND_FOR: Duration = Duration::from_secs(5);
/// A key that was made elsewhere is not known here for so long.
const UNKNOWN_FOR: Duration = Duration::from_secs(1);
const MOST_KEYS: usize = 10_000;

/// A key that opens something.
#[derive(Clone)]
pub(super) struct Known {
    pub kind: Kind,
    pub owner: String,
    pub digest: Digest,
}

/// What was found, or not.
#[derive(Clone)]
struct Looked {
    key: Option<Known>,
    at: Instant,
}

impl Looked {
    fn is_over(&self) -> bool {
        self.at.elapsed() >= if self.key.is_some() { FOUND_FOR } else { UNKNOWN_FOR }
    }
}

/// The keys of sellers and clients. Of those that many ask for at once each is looked up once.
pub struct Keys {
    service: KeyServiceClient<DeadlineChannel>,
    looked: Cache<KeyId, Looked>,
    /// Revoked through this gateway: what was asked before that may still come in.
    revoked: Cache<KeyId, ()>,
}

impl Keys {
    pub(super) fn new(service: KeyServiceClient<DeadlineChannel>) -> Self {
        Self { service, looked: Cache::new(MOST_KEYS), revoked: Cache::new(MOST_KEYS) }
    }

    /// The key of that id, if it opens anything.
    pub(super) async fn find(&self, id: KeyId) -> Result<Option<Known>, Status> {
        self.looked.remove_if(&id, Looked::is_over);
        let looked = self.looked.get_or_insert_async(&id, self.look(id)).await?;
        let revoked = self.revoked.get(&id).is_some();
        Ok(looked.key.filter(|_| !revoked))
    }

    async fn look(&self, id: KeyId) -> Result<Looked, Status> {
        // Before the question: what is answered was true then.
        let at = Instant::now();
        let key = match self.service.clone().get_key(GetKeyRequest { id: id.to_string() }).await {
            Ok(found) => found.into_inner().key.and_then(Known::of),
            Err(status) if status.code() == Code::NotFound => None,
            Err(status) => return Err(status),
        };
        Ok(Looked { key, at })
    }

    /// Stores a new key. False when its id is taken.
    pub(super) async fn create(&self, key: Key) -> Result<bool, Status> {
        match self.service.clone().create_key(CreateKeyRequest { key: Some(key) }).await {
            Ok(_stored) => Ok(true),
            Err(status) if status.code() == Code::AlreadyExists => Ok(false),
            Err(status) => Err(status),
        }
    }

    /// Keys of an owner, or of all, newest first.
    ///
    /// # Errors
    /// When the order service does not answer.
    pub async fn list(
        &self,
        kind: Option<Kind>,
        owner_id: String,
        limit: u32,
        cursor: String,
    ) -> Result<ListKeysResponse, Status> {
        let kind = kind.map_or(KeyKind::Unspecified, Into::into).into();
        let request = ListKeysRequest { kind, owner_id, limit, cursor };
        Ok(self.service.clone().list_keys(request).await?.into_inner())
    }

    /// Revokes a key for ever: of that kind and owner, if they are named. It opens nothing here from now on, and
    /// nothing at other gateways within seconds.
    ///
    /// # Errors
    /// When there is no such key, or the order service does not answer.
    pub async fn revoke(&self, id: KeyId, kind: Option<Kind>, owner_id: String) -> Result<(), Status> {
        let kind = kind.map_or(KeyKind::Unspecified, Into::into).into();
        self.service.clone().revoke_key(RevokeKeyRequest { id: id.to_string(), kind, owner_id }).await?;
        self.revoked.insert(id, ());
        self.looked.remove(&id);
        Ok(())
    }
}

impl Known {
    /// None of what can be no key of ours, or is revoked.
    fn of(key: Key) -> Option<Self> {
        let (kind, digest) = (Kind::of(key.kind())?, Digest::stored(&key.digest)?);
        (key.revoked_at.is_none() && !key.owner_id.is_empty()).then_some(Self {
            kind,
            owner: key.owner_id,
            digest,
        })
    }
}
