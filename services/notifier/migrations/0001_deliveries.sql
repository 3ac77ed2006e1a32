-- The send ledger: one row per (event, recipient, channel), written before anything is sent.
-- `recipient` is an opaque subject or `group:<name>`; `body` is frozen and sealed under `subject`,
-- the case's customer. Instants of the case (planned_at, sent_at, confirmed_at) are domain time,
-- those of the sending (next_attempt_at, lease_until) are real time.
CREATE TABLE delivery (
    id uuid PRIMARY KEY,
    -- Order of planning; drawn under the case's lock, for the inbox also under the recipient's.
    pos bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    key text NOT NULL UNIQUE,
    case_id uuid NOT NULL,
    subject uuid NOT NULL,
    event_id uuid NOT NULL,
    recipient text NOT NULL,
    channel text NOT NULL CHECK (channel IN ('email', 'webhook', 'in_app')),
    template text NOT NULL,
    status text NOT NULL
        CHECK (status IN ('planned', 'sending', 'sent', 'confirmed', 'failed', 'suppressed')),
    attempts int NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    reason text,
    planned_at timestamptz NOT NULL,
    sent_at timestamptz,
    confirmed_at timestamptz,
    next_attempt_at timestamptz,
    lease_owner text,
    lease_until timestamptz,
    body bytea,
    UNIQUE (event_id, recipient, channel),
    CONSTRAINT waits_while_it_is_to_be_sent
        CHECK ((status IN ('planned', 'sending')) = (next_attempt_at IS NOT NULL)),
    CONSTRAINT leased_while_sending CHECK (
        (status = 'sending') = (lease_owner IS NOT NULL AND lease_until IS NOT NULL)
        AND (lease_owner IS NULL) = (lease_until IS NULL)),
    CONSTRAINT back_in_line_when_the_lease_ends
        CHECK (status <> 'sending' OR next_attempt_at = lease_until),
    CONSTRAINT sent_has_its_instant
        CHECK ((status IN ('sent', 'confirmed')) = (sent_at IS NOT NULL)),
    CONSTRAINT confirmed_has_its_instant
        CHECK ((status = 'confirmed') = (confirmed_at IS NOT NULL)),
    CONSTRAINT frozen_before_the_first_attempt
        CHECK (body IS NOT NULL OR (status = 'suppressed' AND attempts = 0)),
    CONSTRAINT an_end_has_its_reason
        CHECK (reason IS NOT NULL OR status NOT IN ('failed', 'suppressed'))
);
CREATE INDEX delivery_due ON delivery (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX delivery_case ON delivery (case_id, pos);
CREATE INDEX delivery_recipient ON delivery (recipient, pos);

-- How a recipient wants to be told; sealed under the customer's key, or the group's own.
CREATE TABLE recipient (
    recipient text PRIMARY KEY,
    stated bytea NOT NULL,
    updated_at timestamptz NOT NULL
);

-- Every policy that a running case may be pinned to; a deploy never takes one away.
CREATE TABLE policy (
    digest text PRIMARY KEY,
    name text NOT NULL,
    version text NOT NULL,
    content text NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
