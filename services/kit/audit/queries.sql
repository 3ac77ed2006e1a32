-- The audit of readings. Rows are only added.

-- name: note
-- What an answer is about to show: a row for each case and each subject; the subject of a case is
-- looked up here. With neither, one row that says so.
INSERT INTO audit (request, role, actor, route, shows, purpose, case_id, subject)
SELECT $1, $2, $3, $4, $5::text[], $6, u.case_id, coalesce(u.subject, e.subject)
FROM unnest($7::uuid[], $8::uuid[]) AS u(case_id, subject) LEFT JOIN entity e ON e.id = u.case_id

-- name: of_subject
-- Readings of a subject's data, newest first, from a cursor on.
SELECT pos, at, request, role, actor, route, shows, purpose, case_id, subject FROM audit
WHERE subject = $1 AND pos < $2 AND ($3::timestamptz IS NULL OR at >= $3)
    AND ($4::timestamptz IS NULL OR at < $4) AND ($5::uuid IS NULL OR case_id = $5)
    AND ($6::text IS NULL OR actor = $6)
ORDER BY pos DESC LIMIT $7

-- name: of_case
-- The same of a case.
SELECT pos, at, request, role, actor, route, shows, purpose, case_id, subject FROM audit
WHERE case_id = $1 AND pos < $2 AND ($3::timestamptz IS NULL OR at >= $3)
    AND ($4::timestamptz IS NULL OR at < $4) AND ($5::text IS NULL OR actor = $5)
ORDER BY pos DESC LIMIT $6

-- name: of_actor
-- The same by whoever read.
SELECT pos, at, request, role, actor, route, shows, purpose, case_id, subject FROM audit
WHERE actor = $1 AND pos < $2 AND ($3::timestamptz IS NULL OR at >= $3)
    AND ($4::timestamptz IS NULL OR at < $4)
ORDER BY pos DESC LIMIT $5

-- name: of_all
-- All of them.
SELECT pos, at, request, role, actor, route, shows, purpose, case_id, subject FROM audit
WHERE pos < $1 AND ($2::timestamptz IS NULL OR at >= $2) AND ($3::timestamptz IS NULL OR at < $3)
ORDER BY pos DESC LIMIT $4
