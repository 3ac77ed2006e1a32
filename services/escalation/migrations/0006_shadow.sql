-- A pack that runs in the shadow of the real one: what it would have done to the cases opened since.
-- No personal data: it lives from the journal, which has none.

CREATE TABLE shadow_run (
    digest text PRIMARY KEY CHECK (digest LIKE 'sha256:%'),
    begun_at timestamptz NOT NULL,
    read_to bigint NOT NULL
);
CREATE TABLE shadow_case (
    digest text NOT NULL REFERENCES shadow_run,
    case_id uuid NOT NULL,
    document bytea NOT NULL,
    wake_at timestamptz,
    now timestamptz NOT NULL,
    read_to bigint NOT NULL,
    PRIMARY KEY (digest, case_id)
) WITH (fillfactor = 80);
CREATE INDEX shadow_case_wake ON shadow_case (digest, wake_at) WHERE wake_at IS NOT NULL;
CREATE TABLE shadow_step (
    digest text NOT NULL REFERENCES shadow_run,
    case_id uuid NOT NULL,
    episode int NOT NULL,
    rung text NOT NULL,
    visit int NOT NULL,
    at timestamptz NOT NULL,
    owner_group text NOT NULL,
    offered boolean NOT NULL,
    escalation boolean NOT NULL,
    PRIMARY KEY (digest, case_id, episode, rung, visit, offered)
);
-- The journal in the order in which it was written, for its tail only; small, for pos only grows.
CREATE INDEX journal_pos ON journal USING brin (pos) WITH (pages_per_range = 16, autosummarize = on);
