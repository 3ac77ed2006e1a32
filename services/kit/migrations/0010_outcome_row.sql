-- What a decision changes of an entity whose inputs stand where they stood: half of `entity_row`.
CREATE TYPE outcome_row AS (id uuid, o1 int, p1 bytea, o2 int, p2 bytea, state bytea, last_at timestamptz,
    wake_at timestamptz, known_at timestamptz, held_until timestamptz);
