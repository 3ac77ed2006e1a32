-- Intake's statements. Arrays come in sorted where they lock; `now` is always a parameter.

-- name: advise
-- Wait for whoever admits a report with the same identity or matter. Keys sorted in the client.
SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS key

-- name: known
-- The cases that these identities belong to, and the cases about the same customer and transaction,
-- or category, that are not over, and may take a contact.
SELECT identity AS key, case_id FROM case_identity WHERE identity = ANY($1::bytea[])
UNION ALL
SELECT k.key, k.case_id FROM case_key k JOIN case_line l USING (case_id)
WHERE k.key = ANY($2::bytea[]) AND l.status NOT IN ('closed', 'withdrawn', 'merged')

-- name: save
-- What lies beside cases that changed, at once: identities of reports that were admitted (a conflict
-- is a defect: the lock was not held), by what cases are found (keys once given stay), their lines.
WITH admitted AS (
    INSERT INTO case_identity (identity, case_id) SELECT * FROM unnest($1::bytea[], $2::uuid[])),
found_by AS (
    INSERT INTO case_key (key, opened_at, case_id)
    SELECT * FROM unnest($3::bytea[], $4::timestamptz[], $5::uuid[]) ON CONFLICT DO NOTHING)
INSERT INTO case_line
    (case_id, status, episode, category, severity, lane, opened_at, started_at)
SELECT * FROM unnest($6::uuid[], $7::text[], $8::int[], $9::text[], $10::text[], $11::text[],
    $12::timestamptz[], $13::timestamptz[])
ON CONFLICT (case_id) DO UPDATE SET status = excluded.status, episode = excluded.episode,
    category = excluded.category, severity = excluded.severity, lane = excluded.lane,
    started_at = excluded.started_at

-- name: add_file
-- A sealed file, by the object that holds it. The same file again changes nothing.
INSERT INTO evidence_object (case_id, file, subject, object, file_key, size, at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (case_id, file) DO NOTHING

-- name: file
-- Where a sealed file is: in an object, or (content) in the database, where they once were.
SELECT subject, object, file_key, size, NULL AS content FROM evidence_object
WHERE case_id = $1 AND file = $2
UNION ALL
SELECT subject, NULL, NULL, NULL, content FROM evidence_blob WHERE case_id = $1 AND file = $2
LIMIT 1

-- name: forget_files
-- Let go of the files of these cases; their objects are deleted behind this transaction.
WITH blobs AS (DELETE FROM evidence_blob WHERE case_id = ANY($1::uuid[])),
gone AS (DELETE FROM evidence_object WHERE case_id = ANY($1::uuid[]) RETURNING object)
INSERT INTO evidence_gone (object) SELECT object FROM gone

-- name: gone_objects
-- Some objects that are to be deleted.
SELECT object FROM evidence_gone LIMIT $1

-- name: objects_deleted
-- These objects are deleted.
DELETE FROM evidence_gone WHERE object = ANY($1::text[])

-- name: unnamed_objects
-- Of these objects those that no row names; none where no row names any object at all, since then
-- the database is a new one and not what belongs to the store.
SELECT o.object FROM unnest($1::text[]) AS o (object)
WHERE EXISTS (SELECT FROM evidence_object)
    AND NOT EXISTS (SELECT FROM evidence_object e WHERE e.object = o.object)

-- name: search_by_key
-- Cases that have all of these keys ($1 leads, by its index), newest first, from a cursor on.
SELECT l.case_id, l.status, l.episode, l.category, l.severity, l.lane, l.opened_at, l.started_at
FROM case_key k JOIN case_line l USING (case_id)
WHERE k.key = $1 AND (k.opened_at, k.case_id) < ($2::timestamptz, $3::uuid)
    AND NOT EXISTS (SELECT FROM unnest($4::bytea[]) AS wanted WHERE NOT EXISTS
        (SELECT FROM case_key o WHERE o.case_id = k.case_id AND o.key = wanted))
    AND ($5::text IS NULL OR l.status = $5) AND ($6::text IS NULL OR l.category = $6)
    AND ($7::timestamptz IS NULL OR k.opened_at >= $7)
ORDER BY k.opened_at DESC, k.case_id DESC LIMIT $8

-- name: search_by_status
-- Cases in one status, newest first, from a cursor on.
SELECT case_id, status, episode, category, severity, lane, opened_at, started_at FROM case_line
WHERE status = $1 AND (opened_at, case_id) < ($2::timestamptz, $3::uuid)
    AND ($4::text IS NULL OR category = $4) AND ($5::timestamptz IS NULL OR opened_at >= $5)
ORDER BY opened_at DESC, case_id DESC LIMIT $6

-- name: search
-- All cases, newest first, from a cursor on.
SELECT case_id, status, episode, category, severity, lane, opened_at, started_at FROM case_line
WHERE (opened_at, case_id) < ($1::timestamptz, $2::uuid)
    AND ($3::text IS NULL OR category = $3) AND ($4::timestamptz IS NULL OR opened_at >= $4)
ORDER BY opened_at DESC, case_id DESC LIMIT $5

-- name: keep_policy
-- A policy that cases may be opened under from now on.
INSERT INTO policy (digest, name, version, document) VALUES ($1, $2, $3, $4)
ON CONFLICT (digest) DO NOTHING

-- name: policies
-- Policies that are kept, except those already at hand.
SELECT digest, name, version, document FROM policy WHERE digest <> ALL($1::text[])

-- name: draw_incident_id
-- The id of a new incident; two reports of one outage are two incidents unless a person joins them.
SELECT gen_random_uuid() AS id

-- name: add_incident
-- A new incident.
INSERT INTO incident (id, document, created_at, updates) VALUES ($1, $2, $3, 0)

-- name: incident
-- One incident.
SELECT id, document, created_at, closed_at, updates FROM incident WHERE id = $1

-- name: share_incident
-- One incident that gets no update and does not close before this transaction ends.
SELECT id, document, created_at, closed_at, updates FROM incident WHERE id = $1 FOR SHARE

-- name: lock_incident
-- One incident that gets no case, no update and does not close before this transaction ends.
SELECT id, document, created_at, closed_at, updates FROM incident WHERE id = $1 FOR UPDATE

-- name: add_update
-- One more update of an incident that is locked, and what it makes of the incident.
WITH added AS (INSERT INTO incident_update (incident_id, number, document, at) VALUES ($1, $2, $3, $4))
UPDATE incident SET updates = $2, closed_at = $5, telling = true WHERE id = $1

-- name: incident_updates
-- The updates of an incident, oldest first; $2 is the number of the first one wanted.
SELECT number, document, at FROM incident_update WHERE incident_id = $1 AND number >= $2 ORDER BY number

-- name: count_linked
-- How many cases are linked to an incident, and how many of them do not know the newest update.
SELECT count(*) AS cases, count(*) FILTER (WHERE told < $2) AS untold FROM incident_case
WHERE incident_id = $1 AND left_at IS NULL

-- name: told_of
-- How many of an incident's updates a case knows, linked or not.
SELECT told FROM incident_case WHERE incident_id = $1 AND case_id = $2

-- name: link_case
-- A case that is part of an incident from now on, or again.
INSERT INTO incident_case (incident_id, case_id, linked_at, told) VALUES ($1, $2, $3, $4)
ON CONFLICT (incident_id, case_id) DO UPDATE
SET linked_at = excluded.linked_at, left_at = NULL, told = excluded.told

-- name: leave_incidents
-- Cases that ended, were taken off their incident or were let go. Ids sorted in the client.
UPDATE incident_case SET left_at = $2 WHERE case_id = ANY($1::uuid[]) AND left_at IS NULL

-- name: claim_telling
-- An incident with something to tell, for one replica at a time. The lock is an advisory one: a row
-- locked before the cases would be against the order in which everybody else locks.
WITH telling AS MATERIALIZED (SELECT id, updates, closed_at FROM incident WHERE telling)
SELECT id, updates, closed_at FROM telling
WHERE pg_try_advisory_xact_lock(hashtextextended(id::text, 0)) LIMIT 1

-- name: untold_cases
-- Some cases of an incident that do not know its newest update, those that know least first.
SELECT case_id FROM incident_case WHERE incident_id = $1 AND told < $2 AND left_at IS NULL
ORDER BY told, case_id LIMIT $3

-- name: still_untold
-- Of these cases, once locked, those that are still linked, and the number of the update that is next.
SELECT case_id, told + 1 AS next FROM incident_case
WHERE incident_id = $1 AND case_id = ANY($2::uuid[]) AND told < $3 AND left_at IS NULL

-- name: mark_told
-- The next update was told to these cases.
UPDATE incident_case SET told = told + 1 WHERE incident_id = $1 AND case_id = ANY($2::uuid[])

-- name: end_telling
-- Every case of a locked incident knows its newest update, or has left.
UPDATE incident i SET telling = false WHERE id = $1 AND NOT EXISTS (SELECT FROM incident_case c
    WHERE c.incident_id = i.id AND c.told < i.updates AND c.left_at IS NULL)

-- name: count_telling
-- How many incidents have something to tell.
SELECT count(*) AS incidents FROM incident WHERE telling

-- name: list_incidents
-- Incidents, newest first, from a cursor on; $3 says whether closed ones, open ones or all (null).
SELECT i.id, i.document, i.created_at, i.closed_at, i.updates, (SELECT count(*) FROM incident_case c
    WHERE c.incident_id = i.id AND c.left_at IS NULL) AS cases
FROM incident i WHERE (i.created_at, i.id) < ($1::timestamptz, $2::uuid)
    AND ($3::boolean IS NULL OR (i.closed_at IS NOT NULL) = $3)
ORDER BY i.created_at DESC, i.id DESC LIMIT $4

-- name: linked_cases
-- The cases of an incident by their ids, from a cursor on.
SELECT c.case_id, c.linked_at, c.told, l.status, l.category, l.severity, l.opened_at
FROM incident_case c JOIN case_line l USING (case_id)
WHERE c.incident_id = $1 AND c.case_id > $2 AND c.left_at IS NULL
ORDER BY c.case_id LIMIT $3

-- name: open_cases
-- Those of some cases that are not over.
SELECT case_id, status FROM case_line
WHERE case_id = ANY($1::uuid[]) AND status NOT IN ('closed', 'withdrawn', 'merged') ORDER BY case_id

-- name: forget_cases
-- By what cases were found whose customer was erased; those that were not over are closed, and named.
-- The identity of their reports stays, so that one that comes again opens no new case.
WITH found_by AS (DELETE FROM case_key WHERE case_id = ANY($1::uuid[])),
linked AS (UPDATE incident_case SET left_at = $2 WHERE case_id = ANY($1::uuid[]) AND left_at IS NULL)
UPDATE case_line SET status = 'closed'
WHERE case_id = ANY($1::uuid[]) AND status NOT IN ('closed', 'withdrawn', 'merged')
RETURNING case_id, episode

-- name: cases_with_old_files
-- Cases that were over before an instant and have files, locked; who holds one is left in peace.
SELECT e.id FROM case_line l JOIN entity e ON e.id = l.case_id
WHERE l.status IN ('closed', 'withdrawn', 'merged') AND e.last_at < $1
    AND (EXISTS (SELECT FROM evidence_object o WHERE o.case_id = e.id)
        OR EXISTS (SELECT FROM evidence_blob b WHERE b.case_id = e.id))
ORDER BY e.id LIMIT $2 FOR UPDATE OF e SKIP LOCKED

-- name: count_old_files
-- How many such cases there are, and since when the oldest has been over.
SELECT count(*) AS due, min(last_at) AS oldest FROM (SELECT e.last_at
    FROM case_line l JOIN entity e ON e.id = l.case_id
    WHERE l.status IN ('closed', 'withdrawn', 'merged') AND e.last_at < $1
        AND (EXISTS (SELECT FROM evidence_object o WHERE o.case_id = e.id)
            OR EXISTS (SELECT FROM evidence_blob b WHERE b.case_id = e.id)) LIMIT $2) AS due
