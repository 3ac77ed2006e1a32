-- How a database that was set back is noticed.

-- The first bytes of the hashes of the events that were applied, newest last: an event that comes
-- again under a number that was applied long ago is the same one, or a fork.
ALTER TABLE entity ADD COLUMN g1 bytea NOT NULL DEFAULT '', ADD COLUMN g2 bytea NOT NULL DEFAULT '';
-- The next offset of each input partition, written before the broker is told: when the broker knows
-- a later one, this database was set back, and what it lost is read again.
CREATE TABLE fetched (topic text, part int, next bigint NOT NULL, PRIMARY KEY (topic, part));
