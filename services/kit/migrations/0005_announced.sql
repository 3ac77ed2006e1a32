-- Up to when heartbeats have said the log to be complete (real time): no later event is older, even
-- where the database's clock was set back, or republishing would begin behind it.
ALTER TABLE cluster ADD COLUMN announced timestamptz;
