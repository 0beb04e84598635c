//! Keys: stored once, found while they open something, listed, revoked for ever.

use futures::future::join_all;
use p2p_proto::order::{key_service_client::KeyServiceClient, *};
use tonic::{Code, Status, transport::Channel};

use crate::system::System;

fn key(id: &str, kind: KeyKind, owner: &str) -> Key {
    Key {
        id: id.into(),
        kind: kind.into(),
        owner_id: owner.into(),
        digest: vec![7; 32],
        label: format!("{owner}'s"),
        ..Key::default()
    }
}

struct Keys(KeyServiceClient<Channel>);

impl Keys {
    fn of(system: &System) -> Self {
        Self(KeyServiceClient::new(system.channel.clone()))
    }

    async fn create(&self, key: Key) -> Result<Key, Status> {
        let request = CreateKeyRequest { key: Some(key) };
        Ok(self.0.clone().create_key(request).await?.into_inner().key.unwrap())
    }

    async fn get(&self, id: &str) -> Result<Key, Status> {
        Ok(self.0.clone().get_key(GetKeyRequest { id: id.into() }).await?.into_inner().key.unwrap())
    }

    async fn revoke(&self, id: &str, kind: KeyKind, owner: &str) -> Result<Key, Status> {
        let request = RevokeKeyRequest { id: id.into(), kind: kind.into(), owner_id: owner.into() };
        Ok(self.0.clone().revoke_key(request).await?.into_inner().key.unwrap())
    }

    /// All pages of a list.
    async fn list(&self, kind: KeyKind, owner: &str, limit: u32) -> Vec<Key> {
        let mut request =
            ListKeysRequest { kind: kind.into(), owner_id: owner.into(), limit, cursor: String::new() };
        let mut listed = Vec::new();
        loop {
            let page = self.0.clone().list_keys(request.clone()).await.unwrap().into_inner();
            assert!(page.keys.len() <= limit as usize);
            listed.extend(page.keys);
            request.cursor = page.next_cursor;
            if request.cursor.is_empty() {
                return listed;
            }
        }
    }
}

fn reason(status: &Status) -> String {
    p2p_proto::reason(status).unwrap()
}

fn ids(keys: &[Key]) -> Vec<&str> {
    keys.iter().map(|key| key.id.as_str()).collect()
}

#[tokio::test]
async fn a_key_is_stored_once_and_its_digest_is_answered_to_who_asks_for_it() {
    let system = System::start().await;
    let keys = Keys::of(&system);
    let made = keys.create(key("k-1", KeyKind::Client, "c")).await.unwrap();
    assert_eq!((made.label.as_str(), made.kind(), made.digest.len()), ("c's", KeyKind::Client, 0));
    assert!(made.created_at.is_some() && made.revoked_at.is_none());
    let found = keys.get("k-1").await.unwrap();
    assert_eq!(found, Key { digest: vec![7; 32], ..made });

    let again = keys.create(key("k-1", KeyKind::Provider, "p")).await.unwrap_err();
    assert_eq!((again.code(), reason(&again)), (Code::AlreadyExists, "KEY_EXISTS".into()));
    let unknown = keys.get("k-2").await.unwrap_err();
    assert_eq!((unknown.code(), reason(&unknown)), (Code::NotFound, "KEY_NOT_FOUND".into()));
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let system = System::start().await;
    let keys = Keys::of(&system);
    let good = || key("k-1", KeyKind::Client, "c");
    for bad in [
        Key { id: String::new(), ..good() },
        Key { id: "x".repeat(256), ..good() },
        Key { id: "a\0b".into(), ..good() },
        Key { kind: 0, ..good() },
        Key { kind: 9, ..good() },
        Key { owner_id: String::new(), ..good() },
        Key { digest: vec![7; 31], ..good() },
    ] {
        assert_eq!(keys.create(bad.clone()).await.unwrap_err().code(), Code::InvalidArgument, "{bad:?}");
    }
    let long = Key { label: "\0é".repeat(2_000), ..good() };
    assert_eq!(keys.create(long).await.unwrap().label, "é".repeat(1_000));
    let request = ListKeysRequest { cursor: "nonsense".into(), ..Default::default() };
    let error = keys.0.clone().list_keys(request).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_and_another_owners_is_not_there() {
    let system = System::start().await;
    let keys = Keys::of(&system);
    keys.create(key("k-1", KeyKind::Client, "same")).await.unwrap();
    let any = KeyKind::Unspecified;
    let unknown = keys.revoke("k-2", any, "").await.unwrap_err();
    for (kind, owner) in [(any, "other"), (KeyKind::Provider, "same"), (KeyKind::Client, "other")] {
        let other = keys.revoke("k-1", kind, owner).await.unwrap_err();
        assert_eq!(other.code(), unknown.code());
        assert_eq!(other.message().replace("k-1", "k-2"), unknown.message());
        assert_eq!(reason(&other), reason(&unknown));
    }
    let revoked = keys.revoke("k-1", KeyKind::Client, "same").await.unwrap();
    assert!(revoked.revoked_at.is_some());
    assert_eq!(keys.revoke("k-1", any, "").await.unwrap(), revoked);
    assert_eq!(reason(&keys.get("k-1").await.unwrap_err()), "KEY_NOT_FOUND");
    assert_eq!(ids(&keys.list(any, "same", 100).await), ["k-1"]);
}

#[tokio::test]
async fn keys_are_listed_newest_first_page_by_page() {
    let system = System::start().await;
    let keys = Keys::of(&system);
    for n in 0..3 {
        keys.create(key(&format!("c-{n}"), KeyKind::Client, "one")).await.unwrap();
        keys.create(key(&format!("p-{n}"), KeyKind::Provider, "one")).await.unwrap();
    }
    keys.create(key("other", KeyKind::Client, "two")).await.unwrap();
    let any = KeyKind::Unspecified;
    assert_eq!(ids(&keys.list(KeyKind::Client, "one", 2).await), ["c-2", "c-1", "c-0"]);
    assert_eq!(ids(&keys.list(KeyKind::Client, "", 1).await), ["other", "c-2", "c-1", "c-0"]);
    assert_eq!(ids(&keys.list(any, "one", 4).await), ["p-2", "c-2", "p-1", "c-1", "p-0", "c-0"]);
    assert_eq!(keys.list(any, "", 3).await.len(), 7);
    assert!(keys.list(any, "nobody", 3).await.is_empty());
}

#[tokio::test]
async fn an_owner_has_twenty_keys_at_most_however_many_are_made_at_once() {
    let system = System::start().await;
    let keys = Keys::of(&system);
    let made = join_all((0..50).map(|n| keys.create(key(&format!("k-{n}"), KeyKind::Client, "c")))).await;
    let refused: Vec<_> = made.iter().filter_map(|made| made.as_ref().err()).collect();
    assert_eq!(made.len() - refused.len(), 20);
    for refused in refused {
        assert_eq!((refused.code(), reason(refused)), (Code::ResourceExhausted, "TOO_MANY_KEYS".into()));
    }
    // A provider of the same id is somebody else, and what is revoked makes room.
    keys.create(key("p", KeyKind::Provider, "c")).await.unwrap();
    let one = made.iter().flatten().next().unwrap();
    keys.revoke(&one.id, KeyKind::Client, "c").await.unwrap();
    keys.create(key("k-50", KeyKind::Client, "c")).await.unwrap();
    assert!(keys.create(key("k-51", KeyKind::Client, "c")).await.is_err());
}
