-- What a data subject is given of theirs.

-- name: entities_of_subject
-- A page of a subject's entities by their ids.
SELECT id, subject, part, s1, h1, s2, h2, o1, p1, o2, p2, parked, state, last_at, wake_at,
    known_at, held_until, g1, g2
FROM entity WHERE subject = $1 AND id > $2 ORDER BY id LIMIT $3
