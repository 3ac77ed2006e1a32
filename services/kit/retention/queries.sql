-- What is pruned, in small batches: $1 is the instant before which it goes, $2 the most at once. What
-- others hold locked is left for the next time. Counts stop at $2, and whoever asks sees that they did.

-- name: prune_answers
-- Answers under an Idempotency-Key: the same key again is a new request then.
DELETE FROM idempotency WHERE ctid = ANY(ARRAY(SELECT ctid FROM idempotency
    WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED))

-- name: due_answers
SELECT count(*) AS due, min(at) AS oldest FROM (SELECT at FROM idempotency
    WHERE at < $1 ORDER BY at LIMIT $2) AS due

-- name: prune_foreign_seen
-- Marks of foreign messages that were taken.
DELETE FROM foreign_seen WHERE ctid = ANY(ARRAY(SELECT ctid FROM foreign_seen
    WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED))

-- name: due_foreign_seen
SELECT count(*) AS due, min(at) AS oldest FROM (SELECT at FROM foreign_seen
    WHERE at < $1 ORDER BY at LIMIT $2) AS due

-- name: prune_dead_letter_bytes
-- The bytes of dead letters; hash and reason stay. One that stops a case is needed until it is settled.
UPDATE dead_letter SET raw = '' WHERE hash = ANY(ARRAY(SELECT hash FROM dead_letter
    WHERE at < $1 AND octet_length(raw) > 0 AND (settled IS NOT NULL OR entity IS NULL OR seq = 0)
    ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED))

-- name: due_dead_letter_bytes
SELECT count(*) AS due, min(at) AS oldest FROM (SELECT at FROM dead_letter
    WHERE at < $1 AND octet_length(raw) > 0 AND (settled IS NOT NULL OR entity IS NULL OR seq = 0)
    ORDER BY at LIMIT $2) AS due

-- name: prune_parked
-- Records of cases of which the beginning never came: nothing was ever decided about them here.
WITH stubs AS MATERIALIZED (
    SELECT e.id FROM entity e WHERE e.parked > 0 AND e.state IS NULL
        AND EXISTS (SELECT FROM parked p WHERE p.entity = e.id AND p.at < $1)
    ORDER BY e.id LIMIT $2 FOR UPDATE SKIP LOCKED),
gone AS (DELETE FROM parked p USING stubs WHERE p.entity = stubs.id AND p.at < $1
    RETURNING p.entity),
counted AS (SELECT entity, count(*)::int AS number FROM gone GROUP BY entity)
UPDATE entity e SET parked = greatest(0, e.parked - counted.number) FROM counted
WHERE e.id = counted.entity

-- name: due_parked
SELECT count(*) AS due, min(at) AS oldest FROM (SELECT p.at FROM parked p JOIN entity e ON e.id = p.entity
    WHERE e.state IS NULL AND p.at < $1 LIMIT $2) AS due

-- name: prune_audit
-- Readings; the table itself refuses to give up what is younger than 90 days.
DELETE FROM audit WHERE ctid = ANY(ARRAY(SELECT ctid FROM audit
    WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED))

-- name: due_audit
SELECT count(*) AS due, min(at) AS oldest FROM (SELECT at FROM audit
    WHERE at < $1 ORDER BY at LIMIT $2) AS due
