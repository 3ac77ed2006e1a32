-- Actions by their id, so that an answer finds its case; and what the journal needs of them.
CREATE TABLE action (
    action_id uuid PRIMARY KEY,
    case_id uuid NOT NULL
);

ALTER TABLE journal DROP CONSTRAINT journal_kind_check;
ALTER TABLE journal ADD CONSTRAINT journal_kind_check
    CHECK (kind IN ('event', 'wake', 'command', 'order', 'answer'));
-- The groups that had nobody when the decision was made: the roster's part in it.
ALTER TABLE journal ADD COLUMN absent_groups json;
