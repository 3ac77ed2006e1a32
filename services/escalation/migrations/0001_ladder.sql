-- What escalation keeps beside its entities: the judges of its rungs, queues, people, policies.
-- Nothing here is personal in clear: names are sealed; staff numbers and groups are not personal.

-- The judge of rule 7: a rung is entered, or offered, once per (case, episode, rung, visit).
CREATE TABLE rung (
    case_id uuid NOT NULL,
    episode int NOT NULL CHECK (episode >= 1),
    rung text NOT NULL,
    visit int NOT NULL CHECK (visit >= 1),
    entered_at timestamptz NOT NULL,
    reason text NOT NULL,
    lateness_ms bigint NOT NULL CHECK (lateness_ms >= 0),
    PRIMARY KEY (case_id, episode, rung, visit)
);
CREATE TABLE rung_offer (
    case_id uuid NOT NULL,
    episode int NOT NULL CHECK (episode >= 1),
    rung text NOT NULL,
    visit int NOT NULL CHECK (visit >= 1),
    offer_id uuid NOT NULL UNIQUE,
    made_at timestamptz NOT NULL,
    PRIMARY KEY (case_id, episode, rung, visit)
);

-- Every deadline that was acted upon, once; a clock that was taken back may run out again, later.
CREATE TABLE firing (
    case_id uuid NOT NULL,
    episode int NOT NULL CHECK (episode >= 1),
    what text NOT NULL,
    cycle int NOT NULL,
    due_at timestamptz NOT NULL,
    fired_at timestamptz NOT NULL,
    lateness_ms bigint NOT NULL CHECK (lateness_ms >= 0),
    PRIMARY KEY (case_id, episode, what, cycle, due_at)
);
CREATE INDEX firing_fired ON firing (fired_at);

-- The cases that groups hold. The truth is the entity's document; this follows it.
CREATE TABLE queue (
    case_id uuid PRIMARY KEY,
    owner_group text NOT NULL,
    holder text,
    next_due timestamptz,
    category text NOT NULL,
    severity text NOT NULL,
    rung text NOT NULL,
    visit int NOT NULL,
    episode int NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'paused', 'held'))
) WITH (fillfactor = 80);
-- What is paused has no next deadline and comes last.
CREATE INDEX queue_next_due
    ON queue (owner_group, coalesce(next_due, 'infinity'::timestamptz), case_id);

-- Every policy under which a case was opened, whole: a deploy never takes one from a running case.
CREATE TABLE policy (
    digest text PRIMARY KEY CHECK (digest LIKE 'sha256:%'),
    name text NOT NULL,
    version text NOT NULL,
    document text NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- `given`: the operator's own roster, by file or API; what Recourse ships is only an example.
CREATE TABLE agent (
    staff_number text PRIMARY KEY,
    name bytea NOT NULL,
    groups text[] NOT NULL,
    languages text[] NOT NULL,
    skills text[] NOT NULL,
    supervisor text,
    absent boolean NOT NULL,
    given boolean NOT NULL
);
CREATE INDEX agent_given ON agent (given) WHERE given;
CREATE TABLE staff_group (
    name text PRIMARY KEY,
    title jsonb NOT NULL,
    supervisor text
);
