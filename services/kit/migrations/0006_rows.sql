-- What a transaction writes back, a row at a time: a driver checks each element of an array of scalars
-- for being an array itself, and of an array of rows only each row.
CREATE TYPE entity_row AS (id uuid, subject uuid, part smallint, s1 int, h1 bytea, s2 int, h2 bytea,
    o1 int, p1 bytea, o2 int, p2 bytea, parked int, state bytea, last_at timestamptz,
    wake_at timestamptz, known_at timestamptz, held_until timestamptz, g1 bytea, g2 bytea);
CREATE TYPE log_row AS (topic text, entity uuid, seq int, id uuid, type text, after text,
    recordedat timestamptz, prevhash bytea, value bytea);
