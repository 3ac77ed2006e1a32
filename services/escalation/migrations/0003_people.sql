-- When agents work and when not, and a roster that every replica can hold in memory.

-- Working hours as the rules of a calendar; absences as pairs of instants, without their reasons.
ALTER TABLE agent ADD COLUMN working_hours jsonb,
    ADD COLUMN absences jsonb NOT NULL DEFAULT '[]';

-- One row. `version` moves with every change, so that a replica sees cheaply whether it is behind;
-- `given`: the operator has a roster of their own, for good; `file`: keyed digest of the last file
-- taken in, so that starting again with the same file undoes no change made since.
CREATE TABLE roster_state (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version bigint NOT NULL,
    given boolean NOT NULL,
    file bytea
);
INSERT INTO roster_state (version, given) SELECT 1, EXISTS (SELECT FROM agent WHERE given);
DROP INDEX agent_given;

-- What each agent holds: counted for assignment, listed by the next deadline.
CREATE INDEX queue_holder
    ON queue (holder, coalesce(next_due, 'infinity'::timestamptz), case_id)
    WHERE holder IS NOT NULL;
