//! Orders, quotes, and the mailbox: transactions, events, inbox, outbox, gateways.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(UP).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(DOWN).await?;
        Ok(())
    }
}

const UP: &str = "
-- One row per trade of one BAP. Its row lock serialises everything that belongs to the trade; seq is the order
-- of acceptance, buyer_seq counts what the buyer's side did and heard.
CREATE TABLE orders.transactions (
    bap_id          text        NOT NULL,
    transaction_id  text        NOT NULL,
    seq             bigint      NOT NULL DEFAULT 0,
    buyer_seq       bigint      NOT NULL DEFAULT 0,
    -- What the buyer's side had heard when it last cleared its view.
    cleared_seq     bigint      NOT NULL DEFAULT 0,
    cleared_at      timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bap_id, transaction_id)
);
CREATE INDEX transactions_newest ON orders.transactions (bap_id, created_at DESC, transaction_id DESC);

CREATE TABLE orders.orders (
    id                 uuid          PRIMARY KEY,
    bap_id             text          NOT NULL,
    transaction_id     text          NOT NULL,
    provider_id        text          NOT NULL,
    selected_offer_id  text          NOT NULL,
    status             text          NOT NULL CHECK (status IN
        ('DRAFT', 'PENDING', 'ACTIVE', 'COMPLETED', 'CANCELLING', 'CANCELLED', 'EXPIRING', 'EXPIRED')),
    total_qty          numeric(18,3) NOT NULL CHECK (total_qty > 0),
    total_price        numeric(24,9) NOT NULL CHECK (total_price >= 0),
    currency           text          NOT NULL,
    items_json         jsonb         NOT NULL,
    quote_json         jsonb         NOT NULL,
    hold_until         timestamptz   NOT NULL,
    reason             text          NOT NULL DEFAULT '',
    created_at         timestamptz   NOT NULL,
    updated_at         timestamptz   NOT NULL
);
CREATE INDEX orders_of_transaction ON orders.orders (bap_id, transaction_id, created_at);
CREATE UNIQUE INDEX orders_one_live ON orders.orders (bap_id, transaction_id)
    WHERE status IN ('DRAFT', 'PENDING', 'ACTIVE', 'CANCELLING', 'EXPIRING');

CREATE TABLE orders.quotes (
    id              uuid        PRIMARY KEY,
    bap_id          text        NOT NULL,
    transaction_id  text        NOT NULL,
    items_json      jsonb       NOT NULL,
    quote_json      jsonb       NOT NULL,
    valid_until     timestamptz NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX quotes_of_transaction ON orders.quotes (bap_id, transaction_id, created_at);

-- Every message once for each way it went, with its exact text.
CREATE TABLE orders.events (
    id              uuid        PRIMARY KEY,
    bap_id          text        NOT NULL,
    transaction_id  text        NOT NULL,
    seq             bigint      NOT NULL,
    -- 0 for the seller's side.
    buyer_seq       bigint      NOT NULL,
    message_id      text        NOT NULL,
    action          text        NOT NULL,
    direction       text        NOT NULL CHECK (direction IN ('INBOUND', 'OUTBOUND')),
    raw_json        text        NOT NULL,
    -- What the message adds to the buyer's state beside its own text.
    buyer_json      text        NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX events_of_transaction ON orders.events (bap_id, transaction_id, seq);

-- Every answered message with its verdict; open while its work is not done.
CREATE TABLE orders.inbox (
    sender             text        NOT NULL,
    action             text        NOT NULL,
    message_id         text        NOT NULL,
    bap_id             text        NOT NULL,
    transaction_id     text        NOT NULL,
    seq                bigint      NOT NULL,
    buyer_seq          bigint      NOT NULL,
    event_id           uuid        NOT NULL REFERENCES orders.events (id),
    digest             bytea       NOT NULL,
    -- Null code: ACK.
    error_code         text,
    error_message      text,
    answered_at        timestamptz NOT NULL,
    -- QUEUED: behind an earlier action. BEGUN: its intent is committed. DONE: its callback is in the outbox.
    status             text        NOT NULL CHECK (status IN ('QUEUED', 'BEGUN', 'DONE')),
    lease_gateway      text        NOT NULL,
    lease_incarnation  bigint      NOT NULL,
    lease_until        timestamptz NOT NULL,
    created_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (sender, action, message_id)
);
CREATE INDEX inbox_open ON orders.inbox (bap_id, transaction_id, seq) WHERE status <> 'DONE';
CREATE INDEX inbox_lapsed ON orders.inbox (lease_until) WHERE status <> 'DONE';

-- Every message to be delivered; its text is the event's.
CREATE TABLE orders.outbox (
    id                 uuid        PRIMARY KEY,
    bap_id             text        NOT NULL,
    transaction_id     text        NOT NULL,
    event_id           uuid        NOT NULL REFERENCES orders.events (id),
    action             text        NOT NULL,
    message_id         text        NOT NULL,
    uri                text        NOT NULL,
    status             text        NOT NULL CHECK (status IN ('PENDING', 'DELIVERED', 'DEAD')),
    -- What the buyer was told when its request was refused or never made.
    error_code         text,
    error_message      text,
    due_at             timestamptz NOT NULL,
    expires_at         timestamptz,
    attempts           integer     NOT NULL DEFAULT 0,
    last_error         text        NOT NULL DEFAULT '',
    lease_gateway      text        NOT NULL,
    lease_incarnation  bigint      NOT NULL,
    lease_until        timestamptz NOT NULL,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX outbox_lapsed ON orders.outbox (due_at) WHERE status = 'PENDING';
CREATE INDEX outbox_dead ON orders.outbox (updated_at) WHERE status = 'DEAD';
CREATE INDEX outbox_of_event ON orders.outbox (event_id);

CREATE TABLE orders.gateways (
    id           text        PRIMARY KEY,
    incarnation  bigint      NOT NULL,
    started_at   timestamptz NOT NULL DEFAULT now()
);
";

const DOWN: &str = "
DROP TABLE orders.gateways, orders.outbox, orders.inbox, orders.events, orders.quotes, orders.orders,
    orders.transactions;
";
