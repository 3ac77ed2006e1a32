-- name: lock_inboxes
-- One writer per inbox at a time, so that positions there become visible in order; sorted input.
SELECT pg_advisory_xact_lock(hashtextextended(recipient, 0))
FROM unnest($1::text[]) AS recipient

-- name: plan
-- Write deliveries as they were decided; one that is there already is left as it is.
INSERT INTO delivery (id, key, case_id, subject, event_id, recipient, channel, template, status,
    attempts, reason, planned_at, sent_at, next_attempt_at, body)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[],
    $7::text[], $8::text[], $9::text[], $10::int[], $11::text[], $12::timestamptz[],
    $13::timestamptz[], $14::timestamptz[], $15::bytea[])
ON CONFLICT DO NOTHING
RETURNING id

-- name: claim
-- Take what is due, or whose courier's lease has ended; the caller commits before it sends. What a
-- recipient is told of a case comes in order: nothing goes out beside, or before, an earlier message
-- that could. One that waits for its retry holds nothing up.
WITH due AS (
    SELECT id FROM delivery d WHERE next_attempt_at <= $1 AND NOT EXISTS (
        SELECT FROM delivery e WHERE e.case_id = d.case_id AND e.recipient = d.recipient
            AND e.channel = d.channel AND e.pos < d.pos
            AND (e.status = 'sending' OR e.next_attempt_at <= $1))
    ORDER BY next_attempt_at LIMIT $2 FOR UPDATE OF d SKIP LOCKED)
UPDATE delivery d
SET status = 'sending', attempts = d.attempts + 1, lease_owner = $3, lease_until = $4,
    next_attempt_at = $4
FROM due WHERE d.id = due.id
RETURNING d.id, d.case_id, d.subject, d.channel, d.attempts, d.body

-- name: lease_owners
-- Who has deliveries under way.
SELECT DISTINCT lease_owner FROM delivery
WHERE next_attempt_at IS NOT NULL AND lease_owner IS NOT NULL

-- name: inherit
-- End the leases of owners that are gone: what they were sending is due now.
UPDATE delivery SET lease_until = $2, next_attempt_at = $2
WHERE next_attempt_at IS NOT NULL AND lease_owner = ANY($1::text[])

-- name: settle
-- Write what became of attempts; one whose lease another courier took over is left to that one.
UPDATE delivery d
SET status = s.status, reason = s.reason, sent_at = s.sent_at, next_attempt_at = s.next_attempt_at,
    lease_owner = NULL, lease_until = NULL
FROM unnest($2::uuid[], $3::int[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[])
    AS s(id, attempts, status, reason, sent_at, next_attempt_at)
WHERE d.id = s.id AND d.status = 'sending' AND d.lease_owner = $1 AND d.attempts = s.attempts
RETURNING d.id, d.key, d.case_id, d.event_id, d.recipient, d.channel, d.template, d.status,
    d.attempts, d.reason, d.planned_at, d.sent_at

-- name: next_attempt
-- When the next delivery is to be taken (real time); one behind an earlier message comes after it.
SELECT next_attempt_at AS at FROM delivery d WHERE next_attempt_at IS NOT NULL AND NOT EXISTS (
    SELECT FROM delivery e WHERE e.case_id = d.case_id AND e.recipient = d.recipient
        AND e.channel = d.channel AND e.pos < d.pos
        AND (e.status = 'sending' OR e.next_attempt_at <= $1))
ORDER BY next_attempt_at LIMIT 1

-- name: in_flight
-- What is being sent, or could be at once: for the quiet report. A later retry is quiet.
SELECT count(*) FILTER (WHERE status = 'sending') AS sending,
    count(*) FILTER (WHERE status = 'planned' AND next_attempt_at <= $1) AS waiting
FROM delivery WHERE next_attempt_at IS NOT NULL

-- name: of_case
-- The deliveries of a case in the order of their planning, after a position.
SELECT pos, id, key, case_id, event_id, recipient, channel, template, status, attempts, reason,
    planned_at, sent_at
FROM delivery WHERE case_id = $1 AND pos > $2 ORDER BY pos LIMIT $3

-- name: of_all
-- All deliveries in the order of their planning, after a position.
SELECT pos, id, key, case_id, event_id, recipient, channel, template, status, attempts, reason,
    planned_at, sent_at
FROM delivery WHERE pos > $1 ORDER BY pos LIMIT $2

-- name: inbox
-- What the app shows a recipient, after a position.
SELECT pos, id, case_id, subject, template, status, planned_at, body
FROM delivery
WHERE recipient = $1 AND pos > $2 AND channel = 'in_app' AND status IN ('sent', 'confirmed')
ORDER BY pos LIMIT $3

-- name: inbox_position
-- Where in its inbox a delivery is.
SELECT pos FROM delivery WHERE recipient = $1 AND id = $2 AND channel = 'in_app'

-- name: find_message
-- The case of a message in an inbox.
SELECT case_id FROM delivery
WHERE id = $1 AND recipient = $2 AND channel = 'in_app' AND status IN ('sent', 'confirmed')

-- name: confirm
-- The recipient has read a message; reading it again changes nothing.
UPDATE delivery SET status = 'confirmed', confirmed_at = $2 WHERE id = $1 AND status = 'sent'
RETURNING id, key, case_id, event_id, recipient, channel, template, status, attempts, reason,
    planned_at, sent_at

-- name: read_delivery
-- One delivery.
SELECT id, key, case_id, event_id, recipient, channel, template, status, attempts, reason,
    planned_at, sent_at
FROM delivery WHERE id = $1

-- name: read_recipients
-- How these recipients want to be told, as far as they said so.
SELECT recipient, stated FROM recipient WHERE recipient = ANY($1::text[])

-- name: state_recipient
-- How a recipient wants to be told from now on.
INSERT INTO recipient (recipient, stated, updated_at) VALUES ($1, $2, $3)
ON CONFLICT (recipient) DO UPDATE SET stated = excluded.stated, updated_at = excluded.updated_at

-- name: last_case_of
-- The case about which a recipient was told last.
SELECT case_id FROM delivery WHERE recipient = $1 ORDER BY pos DESC LIMIT 1

-- name: keep_policy
-- Store a policy for the cases that are pinned to it.
INSERT INTO policy (digest, name, version, content) VALUES ($1, $2, $3, $4)
ON CONFLICT (digest) DO NOTHING

-- name: policies
-- Every policy ever used.
SELECT digest, content FROM policy

-- name: forget_planned
-- What was not sent yet about cases whose customer was erased; what is being sent is the courier's.
UPDATE delivery SET status = 'failed', reason = $2, next_attempt_at = NULL
WHERE case_id = ANY($1::uuid[]) AND status = 'planned'
RETURNING id, key, case_id, event_id, recipient, channel, template, status, attempts, reason

-- name: forget_bodies
-- The frozen messages of these cases: that there was one is all that is left.
UPDATE delivery SET body = '' WHERE case_id = ANY($1::uuid[]) AND body <> ''

-- name: forget_recipient
-- How they wanted to be told.
DELETE FROM recipient WHERE recipient = $1

-- name: to_subject
-- The messages about a case to its own customer, in the order of their planning.
SELECT id, subject, template, channel, status, reason, planned_at, sent_at, body FROM delivery
WHERE case_id = $1 AND recipient = $2 ORDER BY pos

-- name: old_texts
-- A page of old messages that have their text still, from a cursor on.
SELECT id, case_id, planned_at FROM delivery
WHERE octet_length(body) > 0 AND planned_at < $1 AND (planned_at, id) > ($2::timestamptz, $3::uuid)
    AND status NOT IN ('planned', 'sending')
ORDER BY planned_at, id LIMIT $4

-- name: count_old_texts
-- How many there are.
SELECT count(*) AS due, min(planned_at) AS oldest FROM (SELECT planned_at FROM delivery
    WHERE octet_length(body) > 0 AND planned_at < $1 AND status NOT IN ('planned', 'sending')
    ORDER BY planned_at, id LIMIT $2) AS due

-- name: drop_texts
-- The texts of messages: that there was one is what is left.
UPDATE delivery SET body = '' WHERE id = ANY($1::uuid[])
