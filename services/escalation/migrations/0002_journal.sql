-- Every decision about a case with its reason, in order: what `explain --offline` decides again.
-- No personal data: private fields, names and texts stay out; staff numbers are not personal.

CREATE TABLE journal (
    pos bigint GENERATED ALWAYS AS IDENTITY (CACHE 1),
    case_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('event', 'wake', 'command')),
    trigger_id uuid NOT NULL,
    name text NOT NULL,
    recorded_at timestamptz,
    decided_at timestamptz NOT NULL,
    data json NOT NULL,
    reason text NOT NULL,
    wake_at timestamptz,
    first_sequence int NOT NULL,
    events int NOT NULL CHECK (events >= 0),
    PRIMARY KEY (case_id, pos)
);
