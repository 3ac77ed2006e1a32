-- What intake keeps beside its entities: identities, what can be searched, evidence, policies.
-- Nothing here is personal in clear: texts of people are sealed, or blind (HMAC-SHA256, 32 bytes).

-- A report's identity, blind over source and external_id. One report, one case, for ever.
CREATE TABLE case_identity (
    identity bytea PRIMARY KEY CHECK (octet_length(identity) = 32),
    case_id uuid NOT NULL
);
CREATE INDEX case_identity_case ON case_identity (case_id);

-- One line per case, for lists. The truth is the entity's document; this follows it.
CREATE TABLE case_line (
    case_id uuid PRIMARY KEY,
    status text NOT NULL CHECK (status IN ('open', 'waiting_customer', 'waiting_third_party',
        'resolved', 'closed', 'withdrawn', 'merged')),
    episode int NOT NULL CHECK (episode >= 1),
    category text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('low', 'normal', 'high', 'critical')),
    lane text NOT NULL,
    opened_at timestamptz NOT NULL,
    started_at timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX case_line_opened ON case_line (opened_at DESC, case_id DESC);
CREATE INDEX case_line_status ON case_line (status, opened_at DESC, case_id DESC);

-- By what a case is found: blind customer, phone, e-mail, transaction, and matter (customer with
-- transaction, for collapsing). `opened_at` is repeated so that a search pages by this index alone.
CREATE TABLE case_key (
    key bytea NOT NULL CHECK (octet_length(key) = 32),
    opened_at timestamptz NOT NULL,
    case_id uuid NOT NULL REFERENCES case_line,
    PRIMARY KEY (key, opened_at, case_id)
);
CREATE INDEX case_key_case ON case_key (case_id);

-- Files that customers sent, sealed under their key; `file` is the blind SHA-256.
CREATE TABLE evidence_blob (
    case_id uuid NOT NULL REFERENCES case_line,
    file bytea NOT NULL CHECK (octet_length(file) = 32),
    subject uuid NOT NULL,
    content bytea NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (case_id, file)
);
ALTER TABLE evidence_blob ALTER COLUMN content SET STORAGE EXTERNAL; -- ciphertext never compresses

-- Every policy under which a case was opened, whole: a deploy never takes one from a running case.
CREATE TABLE policy (
    digest text PRIMARY KEY CHECK (digest LIKE 'sha256:%'),
    name text NOT NULL,
    version text NOT NULL,
    document text NOT NULL
);
