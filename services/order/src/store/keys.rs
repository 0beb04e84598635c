//! Keys of sellers and of clients.

use chrono::{DateTime, Utc};
use p2p_domain::{KeyId, OwnerId};
use sea_orm::{ConnectionTrait, QueryResult, Statement};

use super::{Store, sql};
use crate::{
    domain::{Key, KeyKind, MOST_KEYS, NewKey},
    error::Error,
};

/// A place is lost only to another key of the same owner: enough tries for all of them and as many revoked meanwhile.
const TRIES: i64 = 2 * MOST_KEYS;

/// Which keys to list.
#[derive(Debug)]
pub struct KeyQuery {
    /// Of this kind; all when none.
    pub kind: Option<KeyKind>,
    /// Of this owner; all when none.
    pub owner: Option<OwnerId>,
    /// Those behind this one.
    pub behind: Option<(DateTime<Utc>, KeyId)>,
    /// At most so many.
    pub limit: u32,
}

/// A page of keys.
#[derive(Debug)]
pub struct KeyPage {
    /// Newest first.
    pub keys: Vec<Key>,
    /// More follow.
    pub more: bool,
}

impl Store {
    /// Stores a key.
    ///
    /// # Errors
    /// When its id is taken, its owner has as many as it may have, or the database fails.
    pub async fn create_key(&self, new: &NewKey) -> Result<Key, Error> {
        for _ in 0..TRIES {
            if let Some(made) = self.db.query_one_raw(creation(new)).await? {
                return key(&made);
            }
            // Its id, its place or every place is taken.
            let counts = sql(
                "SELECT EXISTS (SELECT 1 FROM orders.access_keys WHERE id = $1) AS taken,
                        (SELECT count(*) FROM orders.access_keys
                         WHERE kind = $2 AND owner_id = $3 AND revoked_at IS NULL) AS live",
                [new.id.to_string().into(), new.kind.as_str().into(), new.owner.to_string().into()],
            );
            let Some(counts) = self.db.query_one_raw(counts).await? else { continue };
            if counts.try_get("", "taken")? {
                return Err(Error::KeyExists(new.id.clone()));
            }
            if counts.try_get::<i64>("", "live")? >= MOST_KEYS {
                return Err(Error::TooManyKeys(new.owner.clone()));
            }
        }
        Err(Error::LostRace)
    }

    /// A key that is not revoked.
    ///
    /// # Errors
    /// When there is none, or the database fails.
    pub async fn key(&self, id: &KeyId) -> Result<Key, Error> {
        let statement = sql(
            "SELECT * FROM orders.access_keys WHERE id = $1 AND revoked_at IS NULL",
            [id.to_string().into()],
        );
        let found = self.db.query_one_raw(statement).await?;
        key(&found.ok_or_else(|| Error::KeyNotFound(id.clone()))?)
    }

    /// Keys, newest first, revoked ones too.
    ///
    /// # Errors
    /// When the database fails or a row cannot be.
    pub async fn keys(&self, query: &KeyQuery) -> Result<KeyPage, Error> {
        let found = self.db.query_all_raw(listing(query)).await?;
        let more = found.len() > query.limit as usize;
        let keys = found.iter().take(query.limit as usize).map(key).collect::<Result<_, _>>()?;
        Ok(KeyPage { keys, more })
    }

    /// Revokes a key, if it is of this kind and owner. One that is revoked stays as it is.
    ///
    /// # Errors
    /// When there is none, or the database fails.
    pub async fn revoke_key(
        &self,
        id: &KeyId,
        kind: Option<KeyKind>,
        owner: Option<&OwnerId>,
    ) -> Result<Key, Error> {
        let statement = sql(
            "UPDATE orders.access_keys SET revoked_at = coalesce(revoked_at, now())
             WHERE id = $1 AND ($2::text IS NULL OR kind = $2) AND ($3::text IS NULL OR owner_id = $3)
             RETURNING *",
            [id.to_string().into(), kind.map(KeyKind::as_str).into(), owner.map(ToString::to_string).into()],
        );
        let found = self.db.query_one_raw(statement).await?;
        key(&found.ok_or_else(|| Error::KeyNotFound(id.clone()))?)
    }
}

/// Puts a key on the first free place of its owner. Nothing when there is none, or somebody else was faster.
fn creation(new: &NewKey) -> Statement {
    sql(
        "INSERT INTO orders.access_keys (id, kind, owner_id, digest, label, place)
         SELECT $1, $2, $3, $4, $5, p.place
         FROM (SELECT generate_series(1, $6::integer) AS place) p
         WHERE NOT EXISTS (
             SELECT 1 FROM orders.access_keys k
             WHERE k.kind = $2 AND k.owner_id = $3 AND k.place = p.place AND k.revoked_at IS NULL)
         ORDER BY p.place LIMIT 1
         ON CONFLICT DO NOTHING
         RETURNING *",
        [
            new.id.to_string().into(),
            new.kind.as_str().into(),
            new.owner.to_string().into(),
            new.digest.to_vec().into(),
            new.label.clone().into(),
            MOST_KEYS.into(),
        ],
    )
}

/// One plan each: no index serves both. There are only two kinds, so no index begins with them.
fn listing(query: &KeyQuery) -> Statement {
    let (at, id) =
        query.behind.as_ref().map_or((None, String::new()), |(at, id)| (Some(*at), id.to_string()));
    let page =
        [query.kind.map(KeyKind::as_str).into(), at.into(), id.into(), (i64::from(query.limit) + 1).into()];
    let [kind, at, id, read] = page;
    match &query.owner {
        Some(owner) => sql(
            "SELECT * FROM orders.access_keys
             WHERE owner_id = $5 AND ($1::text IS NULL OR kind = $1)
               AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3))
             ORDER BY created_at DESC, id DESC LIMIT $4",
            [kind, at, id, read, owner.to_string().into()],
        ),
        None => sql(
            "SELECT * FROM orders.access_keys
             WHERE ($1::text IS NULL OR kind = $1)
               AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3))
             ORDER BY created_at DESC, id DESC LIMIT $4",
            [kind, at, id, read],
        ),
    }
}

fn key(row: &QueryResult) -> Result<Key, Error> {
    let id: String = row.try_get("", "id")?;
    let impossible = |why: &dyn std::fmt::Display| Error::impossible("access_keys", &id, why);
    let kind: String = row.try_get("", "kind")?;
    let kind = match kind.as_str() {
        "PROVIDER" => KeyKind::Provider,
        "CLIENT" => KeyKind::Client,
        other => return Err(impossible(&format!("kind {other}"))),
    };
    let owner: String = row.try_get("", "owner_id")?;
    let digest: Vec<u8> = row.try_get("", "digest")?;
    let key = NewKey {
        id: KeyId::parse(&id).map_err(|e| impossible(&e))?,
        kind,
        owner: OwnerId::parse(&owner).map_err(|e| impossible(&e))?,
        digest: digest.try_into().map_err(|_length| impossible(&"its digest is none"))?,
        label: row.try_get("", "label")?,
    };
    Ok(Key { key, created_at: row.try_get("", "created_at")?, revoked_at: row.try_get("", "revoked_at")? })
}
