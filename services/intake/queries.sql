-- Intake's statements. Arrays come in sorted where they lock; `now` is always a parameter.

-- name: advise
-- Wait for whoever admits a report with the same identity or matter. Keys sorted in the client.
SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS key

-- name: identities
-- The cases that these identities belong to.
SELECT identity, case_id FROM case_identity WHERE identity = ANY($1::bytea[])

-- name: matters
-- Cases about the same customer and transaction that are not over, and may take a contact.
SELECT k.key, k.case_id FROM case_key k JOIN case_line l USING (case_id)
WHERE k.key = ANY($1::bytea[]) AND l.status NOT IN ('closed', 'withdrawn', 'merged')

-- name: add_identities
-- Identities of reports that were admitted. A conflict is a defect: the lock was not held.
INSERT INTO case_identity (identity, case_id) SELECT * FROM unnest($1::bytea[], $2::uuid[])

-- name: save_lines
-- The lines of cases that changed.
INSERT INTO case_line
    (case_id, status, episode, category, severity, lane, opened_at, started_at)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[],
    $7::timestamptz[], $8::timestamptz[])
ON CONFLICT (case_id) DO UPDATE SET status = excluded.status, episode = excluded.episode,
    category = excluded.category, severity = excluded.severity, lane = excluded.lane,
    started_at = excluded.started_at

-- name: add_keys
-- By what cases are found; keys once given stay.
INSERT INTO case_key (key, opened_at, case_id)
SELECT * FROM unnest($1::bytea[], $2::timestamptz[], $3::uuid[]) ON CONFLICT DO NOTHING

-- name: add_file
-- A sealed file. The same file again changes nothing.
INSERT INTO evidence_blob (case_id, file, subject, content, at)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING

-- name: file
-- A sealed file.
SELECT subject, content FROM evidence_blob WHERE case_id = $1 AND file = $2

-- name: search_by_key
-- Cases that have all of these keys ($1 leads, by its index), newest first, from a cursor on.
SELECT l.case_id, l.status, l.episode, l.category, l.severity, l.lane, l.opened_at, l.started_at
FROM case_key k JOIN case_line l USING (case_id)
WHERE k.key = $1 AND (k.opened_at, k.case_id) < ($2::timestamptz, $3::uuid)
    AND NOT EXISTS (SELECT FROM unnest($4::bytea[]) AS wanted WHERE NOT EXISTS
        (SELECT FROM case_key o WHERE o.case_id = k.case_id AND o.key = wanted))
    AND ($5::text IS NULL OR l.status = $5) AND ($6::text IS NULL OR l.category = $6)
ORDER BY k.opened_at DESC, k.case_id DESC LIMIT $7

-- name: search_by_status
-- Cases in one status, newest first, from a cursor on.
SELECT case_id, status, episode, category, severity, lane, opened_at, started_at FROM case_line
WHERE status = $1 AND (opened_at, case_id) < ($2::timestamptz, $3::uuid)
    AND ($4::text IS NULL OR category = $4)
ORDER BY opened_at DESC, case_id DESC LIMIT $5

-- name: search
-- All cases, newest first, from a cursor on.
SELECT case_id, status, episode, category, severity, lane, opened_at, started_at FROM case_line
WHERE (opened_at, case_id) < ($1::timestamptz, $2::uuid)
    AND ($3::text IS NULL OR category = $3)
ORDER BY opened_at DESC, case_id DESC LIMIT $4

-- name: keep_policy
-- A policy that cases may be opened under from now on.
INSERT INTO policy (digest, name, version, document) VALUES ($1, $2, $3, $4)
ON CONFLICT (digest) DO NOTHING

-- name: policies
-- Policies that are kept, except those already at hand.
SELECT digest, name, version, document FROM policy WHERE digest <> ALL($1::text[])
