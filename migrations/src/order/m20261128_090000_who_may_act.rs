//! Who may act: the keys of sellers and of clients, and which client a trade of our buyer's side is.

use sea_orm_migration::prelude::*;

/// See above.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const UP: &str = "
CREATE TABLE orders.access_keys (
    id          text        PRIMARY KEY,
    kind        text        NOT NULL CHECK (kind IN ('PROVIDER', 'CLIENT')),
    owner_id    text        NOT NULL,
    -- Which of its owner's live keys it is: no two may be the same, so an owner cannot have more than there are numbers.
    place       smallint    NOT NULL CHECK (place BETWEEN 1 AND 20),
    -- SHA-256 of the whole key.
    digest      bytea       NOT NULL CHECK (octet_length(digest) = 32),
    label       text        NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    revoked_at  timestamptz
);
CREATE UNIQUE INDEX access_keys_live ON orders.access_keys (kind, owner_id, place) WHERE revoked_at IS NULL;
CREATE INDEX access_keys_of_owner ON orders.access_keys (owner_id, created_at DESC, id DESC);
CREATE INDEX access_keys_newest ON orders.access_keys (created_at DESC, id DESC);

-- The client whose trade it is; nobody's in particular when empty.
ALTER TABLE orders.transactions ADD COLUMN client_id text NOT NULL DEFAULT '';
CREATE INDEX transactions_of_client ON orders.transactions
    (bap_id, client_id, created_at DESC, transaction_id DESC);
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(UP).await.map(drop)
    }
}
