//! KeyService.

use p2p_domain::{KeyId, OwnerId};
use p2p_proto::{
    InvalidMessage,
    order::{
        self as proto, CreateKeyRequest, CreateKeyResponse, GetKeyRequest, GetKeyResponse, ListKeysRequest,
        ListKeysResponse, RevokeKeyRequest, RevokeKeyResponse, key_service_server::KeyService,
    },
    required, timestamp,
};
use tonic::{Request, Response, Status};

use super::{decode, encode};
use crate::{
    app::App,
    domain::{Key, KeyKind, NewKey},
    store::{KeyPage, KeyQuery},
};

#[tonic::async_trait]
impl KeyService for App {
    async fn create_key(
        &self,
        request: Request<CreateKeyRequest>,
    ) -> Result<Response<CreateKeyResponse>, Status> {
        let made = self.store.create_key(&new_key(request.into_inner().key)?).await?;
        Ok(Response::new(CreateKeyResponse { key: Some(without_digest(made)) }))
    }

    async fn get_key(&self, request: Request<GetKeyRequest>) -> Result<Response<GetKeyResponse>, Status> {
        let key = self.store.key(&key_id(&request.into_inner().id)?).await?;
        let digest = key.key.digest.to_vec();
        let key = proto::Key { digest, ..without_digest(key) };
        Ok(Response::new(GetKeyResponse { key: Some(key) }))
    }

    async fn list_keys(
        &self,
        request: Request<ListKeysRequest>,
    ) -> Result<Response<ListKeysResponse>, Status> {
        let request = request.into_inner();
        let query = KeyQuery {
            kind: kind(request.kind)?,
            owner: owner(&request.owner_id)?,
            behind: decode::cursor(&request.cursor)?,
            limit: decode::limit(request.limit),
        };
        Ok(Response::new(listed(self.store.keys(&query).await?)))
    }

    async fn revoke_key(
        &self,
        request: Request<RevokeKeyRequest>,
    ) -> Result<Response<RevokeKeyResponse>, Status> {
        let request = request.into_inner();
        let (kind, owner) = (kind(request.kind)?, owner(&request.owner_id)?);
        let revoked = self.store.revoke_key(&key_id(&request.id)?, kind, owner.as_ref()).await?;
        Ok(Response::new(RevokeKeyResponse { key: Some(without_digest(revoked)) }))
    }
}

fn key_id(id: &str) -> Result<KeyId, InvalidMessage> {
    Ok(KeyId::parse(id)?)
}

/// None: whatever it opens.
fn kind(kind: i32) -> Result<Option<KeyKind>, InvalidMessage> {
    match proto::KeyKind::try_from(kind) {
        Ok(proto::KeyKind::Unspecified) => Ok(None),
        Ok(proto::KeyKind::Provider) => Ok(Some(KeyKind::Provider)),
        Ok(proto::KeyKind::Client) => Ok(Some(KeyKind::Client)),
        Err(_unknown) => Err(InvalidMessage::Missing("a known kind of key")),
    }
}

/// None: whoever it is.
fn owner(id: &str) -> Result<Option<OwnerId>, InvalidMessage> {
    Ok(if id.is_empty() { None } else { Some(OwnerId::parse(id)?) })
}

fn new_key(key: Option<proto::Key>) -> Result<NewKey, InvalidMessage> {
    let key = required(key, "key")?;
    Ok(NewKey {
        id: key_id(&key.id)?,
        kind: required(kind(key.kind)?, "key.kind")?,
        owner: OwnerId::parse(&key.owner_id)?,
        digest: key.digest.try_into().map_err(|_length| InvalidMessage::Missing("a digest of 32 bytes"))?,
        label: decode::text(key.label),
    })
}

fn listed(page: KeyPage) -> ListKeysResponse {
    let last = page.keys.last().filter(|_| page.more);
    ListKeysResponse {
        next_cursor: last.map(|last| encode::cursor(last.created_at, &last.key.id)).unwrap_or_default(),
        keys: page.keys.into_iter().map(without_digest).collect(),
    }
}

fn without_digest(key: Key) -> proto::Key {
    let Key { key, created_at, revoked_at } = key;
    let kind = match key.kind {
        KeyKind::Provider => proto::KeyKind::Provider,
        KeyKind::Client => proto::KeyKind::Client,
    };
    proto::Key {
        id: key.id.into(),
        kind: kind.into(),
        owner_id: key.owner.into(),
        digest: Vec::new(),
        label: key.label,
        created_at: Some(timestamp(created_at)),
        revoked_at: revoked_at.map(timestamp),
    }
}
