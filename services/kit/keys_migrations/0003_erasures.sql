-- Who had whose key destroyed, and why. Subjects are opaque and staff is not private: this ledger has
-- no personal data, and stays. The database is the judge of two persons.
CREATE TABLE erasure (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    subject uuid NOT NULL,
    reason text NOT NULL CHECK (reason ~ '^[a-z_]{1,40}$'),
    force_open_cases boolean NOT NULL,
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    confirmed_by text,
    confirmed_at timestamptz,
    CONSTRAINT confirmed_by_somebody CHECK ((confirmed_by IS NULL) = (confirmed_at IS NULL)),
    CONSTRAINT two_persons CHECK (confirmed_by <> asked_by),
    CONSTRAINT in_time CHECK (confirmed_at <= expires_at)
);
CREATE INDEX erasure_asked ON erasure (asked_at DESC, id DESC);
CREATE INDEX erasure_subject ON erasure (subject);

-- When each service let go of a subject, and of how many cases.
CREATE TABLE erasure_step (
    subject uuid NOT NULL,
    service text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    cases int NOT NULL CHECK (cases >= 0),
    PRIMARY KEY (subject, service)
);
-- Tombstones by age: every replica asks each second for those of the last minutes.
CREATE INDEX subject_key_erased ON subject_key (erased_at) WHERE erased_at IS NOT NULL;
