-- name: stub
-- Rows for entities that are new, which nobody else can lock before we commit: answers those, as
-- `lock` does. Ids sorted in the client.
INSERT INTO entity (id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING
RETURNING id, subject, part, s1, h1, s2, h2, o1, p1, o2, p2, parked, state, last_at, wake_at,
    known_at, held_until, g1, g2

-- name: lock
-- Lock and load in one statement, in one order everywhere (unordered locking deadlocks).
SELECT id, subject, part, s1, h1, s2, h2, o1, p1, o2, p2, parked, state, last_at, wake_at,
    known_at, held_until, g1, g2
FROM entity WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE

-- name: read
-- One entity without a lock, for reads.
SELECT id, subject, part, s1, h1, s2, h2, o1, p1, o2, p2, parked, state, last_at, wake_at,
    known_at, held_until, g1, g2
FROM entity WHERE id = $1

-- name: positions
-- Only the positions, for waiting until a position is applied.
SELECT s1, s2, o1, o2, state IS NOT NULL AS decided FROM entity WHERE id = $1

-- name: owner
-- Whose an entity is, without opening it.
SELECT subject FROM entity WHERE id = $1

-- name: claim
-- Entities that are due, by the index, skipping what another worker holds. Only case rows.
SELECT id, subject, part, s1, h1, s2, h2, o1, p1, o2, p2, parked, state, last_at, wake_at,
    known_at, held_until, g1, g2
FROM entity WHERE wake_at <= $1 AND held_until IS NULL
ORDER BY wake_at LIMIT $2 FOR UPDATE SKIP LOCKED

-- name: write
-- All that a transaction leaves, at once: its events go to the log and are queued for the relay,
-- every entity is written back: whole, or, where its inputs stand still, what was decided. Positions are drawn in the order of the arrays, under the entities'
-- locks. No event is older than what was announced to be complete, even where the clock was set back:
-- republishing begins at an instant that readers have confirmed. Relay and timers are woken at commit.
WITH appended AS (
    INSERT INTO log (pos, at, topic, entity, seq, id, type, after, recordedat, prevhash, value)
    SELECT nextval('pos'), greatest($1::timestamptz, (SELECT announced FROM cluster)), u.*
    FROM unnest($2::log_row[]) AS u
    RETURNING pos, at),
queued AS (INSERT INTO unpublished (pos, at) SELECT pos, at FROM appended),
saved AS (
    UPDATE entity e SET subject = u.subject, part = u.part, s1 = u.s1, h1 = u.h1, s2 = u.s2,
        h2 = u.h2, o1 = u.o1, p1 = u.p1, o2 = u.o2, p2 = u.p2, parked = u.parked, state = u.state,
        last_at = u.last_at, wake_at = u.wake_at, known_at = u.known_at, held_until = u.held_until,
        g1 = u.g1, g2 = u.g2
    FROM unnest($3::entity_row[]) AS u WHERE e.id = u.id),
decided AS (
    UPDATE entity e SET o1 = u.o1, p1 = u.p1, o2 = u.o2, p2 = u.p2, state = u.state,
        last_at = u.last_at, wake_at = u.wake_at, known_at = u.known_at, held_until = u.held_until
    FROM unnest($4::outcome_row[]) AS u WHERE e.id = u.id)
SELECT pg_notify(current_schema() || woken.channel, '')
FROM (VALUES ('_unpublished', cardinality($2)), ('_wake', cardinality($3) + cardinality($4)))
    AS woken(channel, rows)
WHERE woken.rows > 0

-- name: notify
-- Wake whoever listens, at commit.
SELECT pg_notify(current_schema() || '_' || $1, '')

-- name: parked_of
-- What waits for a gap to close, of the entities that say they have something.
SELECT entity, topic, seq, hash, reason, part, raw FROM parked
WHERE entity = ANY($1::uuid[]) ORDER BY entity, topic, seq

-- name: park
-- A record whose turn has not come. The same record again changes nothing.
INSERT INTO parked (entity, topic, seq, hash, reason, part, raw)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::int[], $4::bytea[], $5::text[], $6::int[], $7::bytea[])
ON CONFLICT DO NOTHING

-- name: unpark
-- Records that were applied, or that turned out to be seen already.
DELETE FROM parked p USING unnest($1::uuid[], $2::text[], $3::int[], $4::bytea[])
    AS u(entity, topic, seq, hash)
WHERE p.entity = u.entity AND p.topic = u.topic AND p.seq = u.seq AND p.hash = u.hash

-- name: bury
-- A dead letter; a redelivery of the same bytes inserts nothing. Answers the hashes that are new.
INSERT INTO dead_letter (hash, entity, topic, part, offset_, seq, reason, detail, raw)
SELECT * FROM unnest($1::bytea[], $2::uuid[], $3::text[], $4::int[], $5::bigint[], $6::int[],
    $7::text[], $8::text[], $9::bytea[])
ON CONFLICT DO NOTHING RETURNING hash

-- name: progress
-- How far input partitions are read, and complete (neither goes back); entities of partitions that
-- speak again are held no longer.
WITH told AS (
    INSERT INTO progress (topic, part, t)
    SELECT * FROM unnest($1::text[], $2::int[], $3::timestamptz[])
    ON CONFLICT (topic, part) DO UPDATE SET t = greatest(progress.t, excluded.t)),
read AS (
    INSERT INTO fetched (topic, part, next)
    SELECT * FROM unnest($5::text[], $6::int[], $7::bigint[])
    ON CONFLICT (topic, part) DO UPDATE SET next = greatest(fetched.next, excluded.next))
UPDATE entity SET held_until = NULL WHERE held_until IS NOT NULL AND part = ANY($4::smallint[])

-- name: fetched
-- The next offset of each input partition, as far as this database knows.
SELECT topic, part, next FROM fetched

-- name: forget_fetched
-- Another broker has other offsets.
DELETE FROM fetched

-- name: progress_of
-- How far each partition of a topic is complete.
SELECT part, t FROM progress WHERE topic = $1

-- name: see_foreign
-- Foreign messages by what (source, id) derive: answers those that are new.
INSERT INTO foreign_seen (id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING id

-- name: forget_foreign
-- A foreign message that could not be decided yet will be seen again.
DELETE FROM foreign_seen WHERE id = ANY($1::uuid[])

-- name: wait_foreign
-- Keep a foreign message until its entity is known.
INSERT INTO foreign_waiting (hash, topic, part, offset_, raw, reason, retry_at)
SELECT u.*, clock_timestamp() + interval '1 second'
FROM unnest($1::bytea[], $2::text[], $3::int[], $4::bigint[], $5::bytea[], $6::text[]) AS u
ON CONFLICT (hash) DO UPDATE SET retry_at = excluded.retry_at

-- name: foreign_due
-- Whether any waiting foreign message is to be tried again. One that is to be later than any can was
-- put off before the clock was set back, and is due.
SELECT 1 FROM foreign_waiting WHERE retry_at <= clock_timestamp()
    OR retry_at > clock_timestamp() + interval '2 seconds' LIMIT 1

-- name: claim_foreign
-- Waiting foreign messages whose next try is due, as in `foreign_due`.
SELECT hash, topic, part, offset_, raw, reason, at FROM foreign_waiting
WHERE retry_at <= clock_timestamp() OR retry_at > clock_timestamp() + interval '2 seconds'
ORDER BY retry_at LIMIT $1 FOR UPDATE SKIP LOCKED

-- name: drop_foreign
-- Waiting foreign messages that were taken or given up.
DELETE FROM foreign_waiting WHERE hash = ANY($1::bytea[])

-- name: unpublished
-- The next positions to publish. Positions first, then the log with bounds on its partition key.
SELECT pos, at FROM unpublished ORDER BY pos LIMIT $1

-- name: log_rows
-- The log rows of these positions.
SELECT pos, at, topic, entity, seq, id, type, after, recordedat, prevhash, value FROM log
WHERE at BETWEEN $1 AND $2 AND pos = ANY($3::bigint[]) ORDER BY pos

-- name: published
-- Positions that the broker has acknowledged, and at which offsets. Not durable at once: what a crash
-- brings back is published again, and its readers drop it.
WITH lazily AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
noted AS (UPDATE cluster SET sent = $2::jsonb)
DELETE FROM unpublished USING lazily WHERE pos = ANY($1::bigint[])

-- name: stop_sending
-- An event that can never be sent: all positions of its entity leave the queue, and are named.
WITH moved AS (
    DELETE FROM unpublished u USING log l
    WHERE l.pos = u.pos AND l.at = u.at AND l.entity IS NOT DISTINCT FROM $1 RETURNING u.pos, u.at)
INSERT INTO stopped (pos, at, entity, reason) SELECT pos, at, $1, $2 FROM moved ON CONFLICT DO NOTHING

-- name: oldest_transaction
-- First half of the heartbeat instant: this service's sessions (a role sees its own). Read first.
-- With the time as `clock` reads it.
SELECT least(clock_timestamp(), (SELECT min(xact_start) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user
    AND pid <> pg_backend_pid() AND backend_type = 'client backend')) AS t,
    clock_timestamp() AS real, c.origin, c.speed, c."offset", c.moved_at
FROM (SELECT 1) one LEFT JOIN simulated_clock c ON true

-- name: announce
-- Second half of the heartbeat instant, with the cases whose sending is stopped. Asked second. The
-- instant is remembered before anybody hears of it; the clock may have been set back since the first.
WITH complete AS (SELECT least($1::timestamptz, clock_timestamp(), (SELECT min(at) FROM unpublished)) AS t),
announced AS (UPDATE cluster SET announced = greatest(announced, complete.t) FROM complete)
SELECT t, ARRAY(SELECT DISTINCT entity FROM stopped WHERE entity IS NOT NULL) AS stopped FROM complete

-- name: lease
-- Take or keep a lease, in real time. Answers, if it is ours, the broker we published to last time
-- and the offsets that it had acknowledged.
-- Not durable at once: after a crash of the database whoever asks first has it. One that ends later
-- than any can was taken before the clock was set back, and binds nobody.
WITH lazily AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO lease (name, owner, until)
SELECT $1, $2, clock_timestamp() + $3::interval FROM lazily
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until
WHERE lease.until < clock_timestamp() OR lease.until > clock_timestamp() + $3::interval
    OR lease.owner = excluded.owner
RETURNING (SELECT id FROM cluster) AS cluster, (SELECT sent FROM cluster) AS sent

-- name: release_lease
-- Give a lease up, so that the next replica need not wait for it.
DELETE FROM lease WHERE name = $1 AND owner = $2

-- name: confirm
-- A consumer of ours confirmed up to t.
INSERT INTO confirmed (consumer, topic, t) VALUES ($1, $2, $3)
ON CONFLICT (consumer, topic) DO UPDATE SET t = greatest(confirmed.t, excluded.t)

-- name: confirmed_of
-- What each consumer of a topic has confirmed.
SELECT consumer, t FROM confirmed WHERE topic = $1

-- name: republish
-- Publish a topic's events again from an instant on (real time).
INSERT INTO unpublished (pos, at) SELECT pos, at FROM log
WHERE topic = $1 AND at >= $2 ON CONFLICT DO NOTHING

-- name: resend
-- Publish some events of one entity again.
INSERT INTO unpublished (pos, at) SELECT pos, at FROM log
WHERE entity = $1 AND topic = $2 AND seq BETWEEN $3 AND $4 ON CONFLICT DO NOTHING

-- name: remember_cluster
-- The broker that we publish to from now on.
INSERT INTO cluster (id) VALUES ($1)
ON CONFLICT (single) DO UPDATE SET id = excluded.id, sent = excluded.sent

-- name: gaps
-- Entities with records that have waited long, and what they have applied. A fork waits for a person.
SELECT e.id, e.s1, e.s2, p.topic, min(p.seq) AS seq
FROM parked p JOIN entity e ON e.id = p.entity
WHERE p.at < clock_timestamp() - $1::interval AND p.reason <> 'fork'
GROUP BY e.id, e.s1, e.s2, p.topic LIMIT 500

-- name: buried_at
-- Whether a dead letter stands at a gap.
SELECT entity, topic, seq FROM dead_letter WHERE entity = ANY($1::uuid[]) AND settled IS NULL AND seq > 0

-- name: unhold_grace
-- Entities whose grace is over.
UPDATE entity SET held_until = NULL WHERE held_until <= clock_timestamp()

-- name: pending
-- What is in flight: for the quiet report. Held for a stream that is silent now counts too, for it
-- fires as soon as the stream speaks.
SELECT (SELECT count(*) FROM unpublished) AS unpublished,
    (SELECT count(*) FROM entity WHERE wake_at <= $1 AND held_until IS NULL) AS due,
    (SELECT count(*) FROM entity
        WHERE wake_at <= $1 AND held_until IS NOT NULL AND part IN (SELECT part FROM progress
            WHERE topic = $2 AND t < clock_timestamp() - $3::interval)) AS held,
    (SELECT min(wake_at) FROM entity WHERE wake_at IS NOT NULL AND held_until IS NULL) AS next_due

-- name: oldest_due
-- The earliest wake-up, for the timers' sleep, and whether somebody's grace is over; with the time as
-- `clock` reads it.
SELECT (SELECT min(wake_at) FROM entity WHERE wake_at IS NOT NULL AND held_until IS NULL) AS at,
    EXISTS (SELECT FROM entity WHERE held_until <= clock_timestamp()) AS grace_over,
    clock_timestamp() AS real, c.origin, c.speed, c."offset", c.moved_at
FROM (SELECT 1) one LEFT JOIN simulated_clock c ON true

-- name: honesty
-- What the metrics say about this service's health.
SELECT (SELECT count(*) FROM entity WHERE parked > 0) AS parked,
    (SELECT count(*) FROM dead_letter WHERE settled IS NULL) AS dead_letters,
    (SELECT count(*) FROM unpublished) AS unpublished,
    (SELECT count(*) FROM stopped) AS stopped,
    (SELECT count(*) FROM entity WHERE held_until IS NOT NULL) AS held

-- name: dead_letters
-- Dead letters that nobody has settled, newest first, from the one named on.
SELECT hash, entity, topic, part, offset_, seq, reason, detail, at FROM dead_letter
WHERE settled IS NULL AND ($1::timestamptz IS NULL OR (at, hash) < ($1, $2::bytea))
ORDER BY at DESC, hash DESC LIMIT $3

-- name: dead_letter
-- One dead letter with its bytes (sealed), locked.
SELECT hash, entity, topic, part, offset_, seq, reason, detail, raw, at, settled FROM dead_letter
WHERE hash = $1 FOR UPDATE

-- name: settle_dead_letter
-- A person decided what becomes of a dead letter.
UPDATE dead_letter SET settled = $2, settled_at = clock_timestamp() WHERE hash = $1

-- name: parked_list
-- Parked records, the longest waiting first, from the one named on.
SELECT entity, topic, seq, hash, reason, at FROM parked
WHERE $1::timestamptz IS NULL OR (at, hash) > ($1, $2::bytea)
ORDER BY at, hash LIMIT $3

-- name: claim_key
-- Claim an idempotency key before the work; waits for whoever claims it at the same time.
INSERT INTO idempotency (scope, key, request_hash) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING RETURNING key

-- name: settle_key
-- Store the answer given under an idempotency key.
UPDATE idempotency SET subject = $3, status = $4, answer = $5 WHERE scope = $1 AND key = $2

-- name: recall
-- The answers stored under some idempotency keys.
SELECT i.scope, i.key, i.request_hash, i.subject, i.status, i.answer
FROM unnest($1::text[], $2::text[]) AS u(scope, key) JOIN idempotency i USING (scope, key)

-- name: store_answers
-- The answers of a group, with their keys, sorted in the client. Waits for whoever stores one of them
-- at the same time; answers the keys that were new.
INSERT INTO idempotency (scope, key, request_hash, subject, status, answer)
SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::uuid[], $5::int[], $6::bytea[])
ON CONFLICT DO NOTHING RETURNING key

-- name: wait_briefly
-- Wait for no lock longer than this, until the transaction ends.
SELECT set_config('lock_timeout', $1, true)
