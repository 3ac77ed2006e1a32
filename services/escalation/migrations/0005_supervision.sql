-- What supervisors see of their groups, queues by holder, and agents who left.

-- The due instant of the earliest clock that was missed and is still owed. It follows from the
-- case's document, which is sealed, so no statement can fill it in here: the line of a case that
-- runs already says nothing until its next change (an event, a command, a deadline), whatever that
-- is. Written anew with every change, so nothing is lost when it is done twice.
ALTER TABLE queue ADD COLUMN overdue_since timestamptz;

-- Each line is in one of these two, so that what nobody holds is listed without reading past all
-- that is held; a whole group is read from both. A replica of the release before, which listed by
-- one index over all, is slow at listing until it is gone.
DROP INDEX queue_next_due;
CREATE INDEX queue_held
    ON queue (owner_group, coalesce(next_due, 'infinity'::timestamptz), case_id)
    WHERE holder IS NOT NULL;
CREATE INDEX queue_unheld
    ON queue (owner_group, coalesce(next_due, 'infinity'::timestamptz), case_id)
    WHERE holder IS NULL;
-- All that is counted of a group, without reading its lines.
CREATE INDEX queue_load ON queue (owner_group, state, overdue_since, holder);

-- Agents who left: what they hold is taken back. Nothing else is kept of them.
CREATE TABLE agent_left (staff_number text PRIMARY KEY);
-- Whom the roster file names: who is taken out of it has left; who was written by API has not.
ALTER TABLE agent ADD COLUMN filed boolean NOT NULL DEFAULT false;
-- As with agents: what is not the operator's own is an example, and nobody supervises it for long.
ALTER TABLE staff_group ADD COLUMN given boolean NOT NULL DEFAULT true;
