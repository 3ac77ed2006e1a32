-- What every service has: entities, the log that is its outbox, and the ledgers of its consumer.

-- CACHE 1: a cached sequence would break "order per entity is order of pos".
CREATE SEQUENCE pos CACHE 1;

-- One row per entity: positions and hashes in (s, h) and out (o, p), the whole state as one sealed
-- document, and what the timers need. Lock and load are one statement.
CREATE TABLE entity (
    id uuid PRIMARY KEY,
    subject uuid,
    part smallint,
    s1 int NOT NULL DEFAULT 0, h1 bytea NOT NULL DEFAULT '',
    s2 int NOT NULL DEFAULT 0, h2 bytea NOT NULL DEFAULT '',
    o1 int NOT NULL DEFAULT 0, p1 bytea NOT NULL DEFAULT '',
    o2 int NOT NULL DEFAULT 0, p2 bytea NOT NULL DEFAULT '',
    parked int NOT NULL DEFAULT 0 CHECK (parked >= 0),
    state bytea,
    last_at timestamptz,
    wake_at timestamptz,
    known_at timestamptz,
    held_until timestamptz
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX entity_wake ON entity (wake_at) WHERE wake_at IS NOT NULL AND held_until IS NULL;
CREATE INDEX entity_held ON entity (part) WHERE held_until IS NOT NULL;
CREATE INDEX entity_parked ON entity (id) WHERE parked > 0;

CREATE TABLE log (
    pos bigint NOT NULL,
    at timestamptz NOT NULL,
    topic text NOT NULL,
    entity uuid,
    seq int NOT NULL,
    id uuid NOT NULL,
    type text NOT NULL,
    after text NOT NULL,
    recordedat timestamptz NOT NULL,
    prevhash bytea NOT NULL,
    value bytea NOT NULL CHECK (octet_length(value) < 900000)
) PARTITION BY RANGE (at);
CREATE TABLE log_default PARTITION OF log DEFAULT;
CREATE INDEX log_pos ON log (pos);
CREATE INDEX log_entity ON log (entity, topic, seq);

-- `at` is the log's partition key: without it each read would probe every partition.
CREATE TABLE unpublished (pos bigint PRIMARY KEY, at timestamptz NOT NULL)
    WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
-- Positions of entities with an event that can never be sent: they must fill no batch.
CREATE TABLE stopped (pos bigint PRIMARY KEY, at timestamptz NOT NULL, entity uuid, reason text NOT NULL);

-- The hash is in the key, so that a forged or forked record cannot squat on a number.
CREATE TABLE parked (
    entity uuid NOT NULL,
    topic text NOT NULL,
    seq int NOT NULL,
    hash bytea NOT NULL,
    reason text NOT NULL,
    part int NOT NULL,
    raw bytea NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (entity, topic, seq, hash)
);
CREATE INDEX parked_at ON parked (at);

-- `hash` is of key, headers and value: a redelivery inserts nothing twice. `raw` is sealed.
CREATE TABLE dead_letter (
    hash bytea PRIMARY KEY,
    entity uuid,
    topic text NOT NULL,
    part int NOT NULL,
    offset_ bigint NOT NULL,
    seq int NOT NULL DEFAULT 0,
    reason text NOT NULL,
    detail text NOT NULL DEFAULT '',
    raw bytea NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    settled text CHECK (settled IN ('requeued', 'skipped')),
    settled_at timestamptz
);
CREATE INDEX dead_letter_entity ON dead_letter (entity) WHERE entity IS NOT NULL;

-- How far each input partition is known to be complete (the writer's heartbeat, real time).
CREATE TABLE progress (topic text, part int, t timestamptz NOT NULL, PRIMARY KEY (topic, part));
CREATE TABLE lease (name text PRIMARY KEY, owner text NOT NULL, until timestamptz NOT NULL);
-- Up to where each consumer has applied our topics; and the broker that we published to.
CREATE TABLE confirmed (consumer text, topic text, t timestamptz NOT NULL, PRIMARY KEY (consumer, topic));
CREATE TABLE cluster (single boolean PRIMARY KEY DEFAULT true CHECK (single), id text NOT NULL);

-- Foreign topics have no sequence: they are deduplicated by CloudEvents (source, id), of which `id`
-- here is a derived UUID: what others call their messages may be personal.
CREATE TABLE foreign_seen (id uuid PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE INDEX foreign_seen_at ON foreign_seen (at);
-- Foreign messages addressed to an entity that is not known yet.
CREATE TABLE foreign_waiting (hash bytea PRIMARY KEY, topic text NOT NULL, part int NOT NULL,
    offset_ bigint NOT NULL, raw bytea NOT NULL, reason text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(), retry_at timestamptz NOT NULL);
CREATE INDEX foreign_waiting_retry ON foreign_waiting (retry_at);

CREATE TABLE idempotency (scope text, key text, request_hash bytea NOT NULL, subject uuid,
    status int, answer bytea, at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (scope, key));
CREATE INDEX idempotency_at ON idempotency (at);

-- Exists (as a row) only where time is simulated: now = origin + (real - origin) * speed + offset.
CREATE TABLE simulated_clock (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    origin timestamptz NOT NULL,
    speed double precision NOT NULL,
    "offset" interval NOT NULL,
    moved_at timestamptz NOT NULL
);
