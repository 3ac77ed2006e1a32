-- The last offset of each partition that the broker has acknowledged, in step with what left the
-- queue: a relay that has just started notices too that the broker has lost the end of a topic.
ALTER TABLE cluster ADD COLUMN sent jsonb NOT NULL DEFAULT '{}';
