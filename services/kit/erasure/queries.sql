-- Statements about erasure. Those of the ledger and the tombstones run in the schema of the keys, the
-- others in each service's own.

-- name: ask_erasure
-- A request, if there is a key and no request of the same subject that can still be confirmed.
INSERT INTO erasure (subject, reason, force_open_cases, asked_by, expires_at)
SELECT $1, $2, $3, $4, clock_timestamp() + $5::interval
WHERE EXISTS (SELECT FROM subject_key WHERE subject = $1 AND wrapped IS NOT NULL)
    AND NOT EXISTS (SELECT FROM erasure
        WHERE subject = $1 AND confirmed_at IS NULL AND expires_at > clock_timestamp())
RETURNING id

-- name: open_erasure
-- The request of a subject that can still be confirmed.
SELECT id, asked_by FROM erasure
WHERE subject = $1 AND confirmed_at IS NULL AND expires_at > clock_timestamp() LIMIT 1

-- name: key_state
-- Whether a subject has a key, or had one.
SELECT wrapped IS NULL AS erased FROM subject_key WHERE subject = $1

-- name: erasure
-- One request with what became of it.
SELECT e.id, e.subject, e.reason, e.force_open_cases, e.asked_by, e.asked_at, e.expires_at,
    e.confirmed_by, e.confirmed_at, e.confirmed_at IS NULL AND e.expires_at <= clock_timestamp()
    AS expired, ARRAY(SELECT jsonb_build_object('service', s.service, 'at', s.at, 'cases', s.cases)
        FROM erasure_step s WHERE s.subject = e.subject ORDER BY s.service) AS steps
FROM erasure e WHERE e.id = $1

-- name: erasures
-- Requests, newest first, from a cursor on.
SELECT e.id, e.subject, e.reason, e.force_open_cases, e.asked_by, e.asked_at, e.expires_at,
    e.confirmed_by, e.confirmed_at, e.confirmed_at IS NULL AND e.expires_at <= clock_timestamp()
    AS expired, ARRAY(SELECT jsonb_build_object('service', s.service, 'at', s.at, 'cases', s.cases)
        FROM erasure_step s WHERE s.subject = e.subject ORDER BY s.service) AS steps
FROM erasure e WHERE (e.asked_at, e.id) < ($1::timestamptz, $2::uuid)
ORDER BY e.asked_at DESC, e.id DESC LIMIT $3

-- name: confirm_erasure
-- The second person agrees: the key is destroyed in the same transaction.
WITH confirmed AS (
    UPDATE erasure SET confirmed_by = $2, confirmed_at = clock_timestamp()
    WHERE id = $1 AND confirmed_at IS NULL AND expires_at > clock_timestamp() RETURNING subject)
INSERT INTO subject_key (subject, wrapped, erased_at)
SELECT subject, NULL, clock_timestamp() FROM confirmed
ON CONFLICT (subject) DO UPDATE SET wrapped = NULL,
    erased_at = coalesce(subject_key.erased_at, excluded.erased_at)
RETURNING subject

-- name: erased_lately
-- Who was erased in the last minutes, longer ago than any key is cached.
SELECT subject FROM subject_key WHERE erased_at > clock_timestamp() - interval '10 minutes'

-- name: erased_but
-- Everybody who was erased, but for some.
SELECT subject FROM subject_key k WHERE erased_at IS NOT NULL
    AND NOT EXISTS (SELECT FROM unnest($1::uuid[]) AS known WHERE known = k.subject)

-- name: erase_again
-- Keys of subjects that were erased before this schema was set back.
UPDATE subject_key SET wrapped = NULL, erased_at = clock_timestamp()
WHERE subject = ANY($1::uuid[]) AND wrapped IS NOT NULL RETURNING subject

-- name: note_step
-- A service has let a subject go; a second look may have found one more case.
INSERT INTO erasure_step (subject, service, cases) VALUES ($1, $2, $3)
ON CONFLICT (subject, service) DO UPDATE SET cases = greatest(erasure_step.cases, excluded.cases)

-- name: erased_here
-- Whom this service has let go.
SELECT subject FROM erased_subject

-- name: let_go
-- Whom this service lets go in this transaction.
INSERT INTO erased_subject (subject, cases) VALUES ($1, $2)
ON CONFLICT (subject) DO UPDATE SET cases = greatest(erased_subject.cases, excluded.cases)

-- name: entities_of
-- What there is of a subject.
SELECT id FROM entity WHERE subject = $1 ORDER BY id

-- name: drop_answers
-- Answers that were given about a subject, with the digests of what was asked.
DELETE FROM idempotency WHERE subject = $1 OR EXISTS
    (SELECT FROM unnest($2::text[]) AS entity WHERE position(entity IN scope) > 0)

-- name: letters
-- A page of the dead letters that have bytes, with what they are about.
SELECT hash, topic, part, offset_, entity, raw FROM dead_letter
WHERE hash > $1 AND octet_length(raw) > 0 ORDER BY hash LIMIT $2

-- name: blank_letters
-- Dead letters about a subject who is erased: their bytes go, and nobody need settle them.
UPDATE dead_letter SET raw = '', detail = '', settled = coalesce(settled, 'erased'),
    settled_at = coalesce(settled_at, clock_timestamp())
WHERE hash = ANY($1::bytea[])

-- name: waiting
-- A page of the foreign messages that wait.
SELECT hash, raw FROM foreign_waiting WHERE hash > $1 ORDER BY hash LIMIT $2

-- name: drop_waiting
-- Foreign messages about a subject who is erased.
DELETE FROM foreign_waiting WHERE hash = ANY($1::bytea[])
