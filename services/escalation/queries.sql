-- Escalation's statements. Arrays come in sorted where they lock; `now` is always a parameter.

-- name: add_rungs
-- Rungs that were entered. A conflict is a defect: the database is the judge.
INSERT INTO rung (case_id, episode, rung, visit, entered_at, reason, lateness_ms)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::int[], $5::timestamptz[], $6::text[],
    $7::bigint[])

-- name: add_offers
-- Customer-driven rungs that were offered. A conflict is a defect.
INSERT INTO rung_offer (case_id, episode, rung, visit, offer_id, made_at)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::int[], $5::uuid[], $6::timestamptz[])

-- name: add_actions
-- Actions that were asked for. A conflict is a defect.
INSERT INTO action (action_id, case_id) SELECT * FROM unnest($1::uuid[], $2::uuid[])

-- name: cases_of_actions
-- The cases that asked for these actions.
SELECT action_id, case_id FROM action WHERE action_id = ANY($1::uuid[])

-- name: add_firings
-- Deadlines that were acted upon. A conflict is a defect.
INSERT INTO firing (case_id, episode, what, cycle, due_at, fired_at, lateness_ms)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::int[], $5::timestamptz[],
    $6::timestamptz[], $7::bigint[])

-- name: save_queue
-- The lines of cases that changed and still run.
INSERT INTO queue (case_id, owner_group, holder, next_due, category, severity, rung, visit, episode,
    state, overdue_since, policy)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[],
    $7::text[], $8::int[], $9::int[], $10::text[], $11::timestamptz[], $12::text[])
ON CONFLICT (case_id) DO UPDATE SET owner_group = excluded.owner_group, holder = excluded.holder,
    next_due = excluded.next_due, category = excluded.category, severity = excluded.severity,
    rung = excluded.rung, visit = excluded.visit, episode = excluded.episode,
    state = excluded.state, overdue_since = excluded.overdue_since, policy = excluded.policy

-- name: leave_queue
-- Cases whose ladder stopped.
DELETE FROM queue WHERE case_id = ANY($1::uuid[])

-- name: queue
-- A group's cases by their next deadline, after the cursor (no deadline counts as never).
-- The cases that are held and those that are not have an index each; a page of both is merged.
SELECT * FROM (
    (SELECT case_id, owner_group, holder, next_due, overdue_since, category, severity, rung, visit,
        episode, state
    FROM queue WHERE owner_group = $1 AND holder IS NULL
        AND (coalesce(next_due, 'infinity'::timestamptz), case_id)
            > (coalesce($2::timestamptz, $3::timestamptz), $4::uuid)
    ORDER BY coalesce(next_due, 'infinity'::timestamptz), case_id LIMIT $5)
    UNION ALL
    (SELECT case_id, owner_group, holder, next_due, overdue_since, category, severity, rung, visit,
        episode, state
    FROM queue WHERE owner_group = $1 AND holder IS NOT NULL
        AND (coalesce(next_due, 'infinity'::timestamptz), case_id)
            > (coalesce($2::timestamptz, $3::timestamptz), $4::uuid)
    ORDER BY coalesce(next_due, 'infinity'::timestamptz), case_id LIMIT $5)
) AS page
ORDER BY coalesce(next_due, 'infinity'::timestamptz), case_id LIMIT $5

-- name: queue_unheld
-- The same of what nobody holds.
SELECT case_id, owner_group, holder, next_due, overdue_since, category, severity, rung, visit,
    episode, state
FROM queue WHERE owner_group = $1 AND holder IS NULL
    AND (coalesce(next_due, 'infinity'::timestamptz), case_id)
        > (coalesce($2::timestamptz, $3::timestamptz), $4::uuid)
ORDER BY coalesce(next_due, 'infinity'::timestamptz), case_id LIMIT $5

-- name: queue_of_holder
-- The same of what one agent holds.
SELECT case_id, owner_group, holder, next_due, overdue_since, category, severity, rung, visit,
    episode, state
FROM queue WHERE owner_group = $1 AND holder = $6
    AND (coalesce(next_due, 'infinity'::timestamptz), case_id)
        > (coalesce($2::timestamptz, $3::timestamptz), $4::uuid)
ORDER BY coalesce(next_due, 'infinity'::timestamptz), case_id LIMIT $5

-- name: group_loads
-- How much each of these groups has to do; groups without a case are left out.
SELECT owner_group, count(*) AS open, count(*) - count(holder) AS unheld, count(holder) AS held,
    count(*) FILTER (WHERE state = 'paused') AS paused, count(overdue_since) AS overdue
FROM queue WHERE owner_group = ANY($1::text[]) GROUP BY owner_group

-- name: next_breaches
-- The next deadlines of each of these groups, so many of each, earliest first.
SELECT page.* FROM unnest($1::text[]) AS wanted(name) CROSS JOIN LATERAL (
    SELECT * FROM (
        (SELECT case_id, owner_group, next_due, holder, rung, category, severity
        FROM queue WHERE owner_group = wanted.name AND holder IS NULL
            AND coalesce(next_due, 'infinity'::timestamptz) < 'infinity'
        ORDER BY coalesce(next_due, 'infinity'::timestamptz), case_id LIMIT $2)
        UNION ALL
        (SELECT case_id, owner_group, next_due, holder, rung, category, severity
        FROM queue WHERE owner_group = wanted.name AND holder IS NOT NULL
            AND coalesce(next_due, 'infinity'::timestamptz) < 'infinity'
        ORDER BY coalesce(next_due, 'infinity'::timestamptz), case_id LIMIT $2)
    ) AS both_of_them ORDER BY next_due, case_id LIMIT $2
) AS page

-- name: held_by
-- Some of the cases that these agents hold. In no order: wanting one would read every line.
SELECT case_id FROM queue WHERE holder = ANY($1::text[]) LIMIT $2

-- name: keep_policy
-- Store a policy whole, once.
INSERT INTO policy (digest, name, version, document) VALUES ($1, $2, $3, $4)
ON CONFLICT (digest) DO NOTHING

-- name: policies
-- The policies that this process does not know yet.
SELECT digest, document FROM policy WHERE digest <> ALL($1::text[])

-- name: policy_groups
-- The groups of every policy that a case may be pinned to.
SELECT DISTINCT json_object_keys(document::json -> 'groups') AS name FROM policy

-- name: list_policies
-- Every policy that a case may be pinned to, newest first.
SELECT digest, name, version, stored_at FROM policy ORDER BY stored_at DESC, digest

-- name: running_by_policy
-- How many cases run under each policy; read whole, as nobody asks often.
SELECT policy, count(*) AS cases FROM queue GROUP BY policy

-- name: policy_document
-- One policy, whole.
SELECT document FROM policy WHERE digest = $1

-- name: policy_documents
-- Some policies, whole.
SELECT digest, document FROM policy WHERE digest = ANY($1::text[])

-- name: touch_roster
-- Begin a change of the roster: one at a time, and every replica hears of it at commit.
WITH touched AS (UPDATE roster_state SET version = version + 1, given = given OR $1)
SELECT pg_notify(current_schema() || '_roster', '')

-- name: roster_state
-- Whether the roster changed, whose it is, and which file it was last taken from.
SELECT version, given, file FROM roster_state

-- name: note_roster_file
-- A file was taken in.
UPDATE roster_state SET file = $1

-- name: put_agent
-- One agent, new, changed or come back; who the operator has given is never made an example again.
WITH back AS (DELETE FROM agent_left WHERE staff_number = $1 AND $10)
INSERT INTO agent (staff_number, name, groups, languages, skills, supervisor, absent, absences,
    working_hours, given)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (staff_number) DO UPDATE SET name = excluded.name, groups = excluded.groups,
    languages = excluded.languages, skills = excluded.skills, supervisor = excluded.supervisor,
    absent = excluded.absent, absences = excluded.absences,
    working_hours = excluded.working_hours, given = excluded.given
WHERE excluded.given OR NOT agent.given

-- name: drop_examples
-- The agents that Recourse ships give way to a roster of the operator's own; the titles of its
-- groups may stay.
WITH left_alone AS (UPDATE staff_group SET supervisor = NULL WHERE NOT given)
DELETE FROM agent WHERE NOT given

-- name: remove_agent
-- An agent left: all that is kept is the staff number.
WITH gone AS (DELETE FROM agent WHERE staff_number = $1 RETURNING staff_number),
    noted AS (INSERT INTO agent_left SELECT staff_number FROM gone ON CONFLICT DO NOTHING)
SELECT staff_number FROM gone

-- name: settle_file
-- After a file was taken in: whom the file before named and this one does not has left, and so has
-- whoever holds a case while nobody has ever written them into the roster.
WITH gone AS (DELETE FROM agent WHERE filed AND staff_number <> ALL($1::text[])
        RETURNING staff_number),
    named AS (UPDATE agent SET filed = true
        WHERE staff_number = ANY($1::text[]) AND NOT filed),
    strangers AS (SELECT DISTINCT holder FROM queue
        WHERE holder IS NOT NULL AND NOT EXISTS (SELECT FROM agent WHERE staff_number = holder))
INSERT INTO agent_left SELECT staff_number FROM gone UNION SELECT holder FROM strangers
ON CONFLICT DO NOTHING

-- name: agents_left
-- The staff numbers of those who left.
SELECT staff_number FROM agent_left

-- name: agent
-- One agent.
SELECT staff_number, name, groups, languages, skills, supervisor, absent, absences, working_hours
FROM agent WHERE staff_number = $1

-- name: agents_in_groups
-- Who is in which groups, without anybody's name.
SELECT staff_number, groups, supervisor FROM agent

-- name: all_agents
-- Everybody, for the roster in memory.
SELECT staff_number, name, groups, languages, skills, supervisor, absent, absences, working_hours
FROM agent

-- name: loads
-- How many open cases each of these agents holds; those who hold none are left out.
SELECT holder, count(*) AS held FROM queue WHERE holder = ANY($1::text[]) GROUP BY holder

-- name: put_group
-- One group, new or changed.
INSERT INTO staff_group (name, title, supervisor, given) VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO UPDATE SET title = excluded.title, supervisor = excluded.supervisor,
    given = excluded.given
WHERE excluded.given OR NOT staff_group.given

-- name: group
-- One group.
SELECT name, title, supervisor FROM staff_group WHERE name = $1

-- name: all_groups
-- Every group, for the roster in memory.
SELECT name, title, supervisor FROM staff_group

-- name: add_entries
-- Decisions, in the order in which they were made.
INSERT INTO journal (case_id, kind, trigger_id, name, recorded_at, decided_at, data, reason, wake_at,
    first_sequence, events, absent_groups)
SELECT c, k, t, n, r, d, j::json, o, w, s, e, a::json FROM unnest($1::uuid[], $2::text[],
    $3::uuid[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::text[], $8::text[],
    $9::timestamptz[], $10::int[], $11::int[], $12::text[])
    WITH ORDINALITY AS u(c, k, t, n, r, d, j, o, w, s, e, a, place)
ORDER BY place

-- name: histories
-- What happened to the next cases after $1, in order; nothing of what was decided.
SELECT j.case_id, j.kind, j.trigger_id, j.name, j.recorded_at, j.decided_at, j.data, j.absent_groups
FROM (SELECT id FROM entity WHERE id > $1 ORDER BY id LIMIT $2) AS page
JOIN journal j ON j.case_id = page.id
WHERE j.kind <> 'wake'
ORDER BY j.case_id, j.pos

-- name: last_of_page
-- The last case of a page; none when the page is not full.
SELECT id AS last FROM entity WHERE id > $1 ORDER BY id OFFSET $2 - 1 LIMIT 1

-- name: entries
-- A case's decisions in order, each with the events it led to (one row per event).
SELECT j.pos, j.kind, j.trigger_id, j.name, j.recorded_at, j.decided_at, j.data, j.reason,
    j.wake_at, j.absent_groups, j.first_sequence, j.events, l.seq, l.id, l.type, l.value
FROM journal j LEFT JOIN log l ON l.entity = j.case_id AND l.topic = $2
    AND l.seq >= j.first_sequence AND l.seq < j.first_sequence + j.events
WHERE j.case_id = $1 ORDER BY j.pos, l.seq

-- name: shadow_begin
-- From here on the cases that are opened are followed under this policy, too.
INSERT INTO shadow_run (digest, begun_at, read_to) SELECT $1, $2, coalesce(max(pos), 0) FROM journal
ON CONFLICT (digest) DO NOTHING

-- name: shadow_turn
-- One replica at a time follows; the others find it taken. Answers how far it has read, and the
-- oldest transaction that may still be under way.
SELECT read_to, pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest FROM shadow_run WHERE digest = $1 FOR UPDATE SKIP LOCKED

-- name: shadow_news
-- What was decided since, with where the followed case stands under the other policy.
SELECT j.pos, j.case_id, j.kind, j.trigger_id, j.name, j.recorded_at, j.decided_at, j.data,
    j.absent_groups, s.document, s.wake_at, s.now, s.read_to
FROM journal j LEFT JOIN shadow_case s ON s.digest = $1 AND s.case_id = j.case_id
WHERE j.pos > $2 AND j.pos > coalesce(s.read_to, 0)
    AND (s.case_id IS NOT NULL OR j.name = $3
        OR EXISTS (SELECT FROM journal o WHERE o.case_id = j.case_id AND o.pos > $2 AND o.name = $3))
ORDER BY j.pos LIMIT $4

-- name: shadow_due
-- Cases that are due under the other policy.
SELECT case_id, document, wake_at, now, read_to FROM shadow_case
WHERE digest = $1 AND wake_at <= $2 ORDER BY wake_at LIMIT $3

-- name: shadow_keep
-- Where the cases stand now.
INSERT INTO shadow_case (digest, case_id, document, wake_at, now, read_to)
SELECT $1, * FROM unnest($2::uuid[], $3::bytea[], $4::timestamptz[], $5::timestamptz[], $6::bigint[])
ON CONFLICT (digest, case_id) DO UPDATE SET document = excluded.document,
    wake_at = excluded.wake_at, now = excluded.now, read_to = excluded.read_to

-- name: shadow_steps
-- Where they went.
INSERT INTO shadow_step (digest, case_id, episode, rung, visit, at, owner_group, offered, escalation)
SELECT $1, * FROM unnest($2::uuid[], $3::int[], $4::text[], $5::int[], $6::timestamptz[], $7::text[],
    $8::bool[], $9::bool[])
ON CONFLICT DO NOTHING

-- name: shadow_read_to
-- Everything up to here was read.
UPDATE shadow_run SET read_to = $2 WHERE digest = $1

-- name: shadow_newest
-- The newest decision that can be seen, and the first transaction that had not begun then: whatever
-- has a lower number and cannot be seen yet belongs to an earlier one.
SELECT coalesce(max(pos), 0) AS newest, pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next
FROM journal WHERE pos > $1

-- name: shadow_report
-- First arrivals at a rung in an episode, as they were and as they would have been.
WITH followed AS (SELECT case_id FROM shadow_case WHERE digest = $1),
really AS (
    SELECT case_id, episode, rung, min(at) AS at FROM (
        SELECT case_id, episode, rung, entered_at AS at FROM rung
        WHERE reason NOT IN ('opened', 'reopened')
        UNION ALL SELECT case_id, episode, rung, made_at FROM rung_offer) AS steps
    WHERE case_id IN (SELECT case_id FROM followed) GROUP BY case_id, episode, rung),
shadow AS (
    SELECT case_id, episode, rung, min(at) AS at FROM shadow_step
    WHERE digest = $1 AND escalation GROUP BY case_id, episode, rung)
SELECT case_id, episode, rung, really.at AS before, shadow.at AS after
FROM really FULL JOIN shadow USING (case_id, episode, rung) ORDER BY rung, case_id, episode

-- name: shadow_run
-- Since when, and how many cases are followed.
SELECT begun_at, (SELECT count(*) FROM shadow_case s WHERE s.digest = r.digest) AS cases
FROM shadow_run r WHERE digest = $1

-- name: forget_lines
-- The lines of cases whose customer was erased, and where each stood.
DELETE FROM queue WHERE case_id = ANY($1::uuid[])
RETURNING case_id, owner_group, rung, visit, episode, policy

-- name: forget_shadows
-- The same cases under a pack in the shadow: nobody follows them any more.
DELETE FROM shadow_case WHERE case_id = ANY($1::uuid[])

-- name: actions_of
-- The actions that others were asked for, for these cases.
SELECT action_id FROM action WHERE case_id = ANY($1::uuid[])
