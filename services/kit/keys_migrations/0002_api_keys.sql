-- API keys, once for all services. Of a key only its hash is kept: SHA-256, since it is random.
CREATE TABLE api_key (
    prefix text PRIMARY KEY CHECK (prefix ~ '^[a-z0-9]{12}$'),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('backend', 'agent', 'supervisor', 'ops')),
    subject text NOT NULL,
    scopes text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    last_used_at timestamptz
);
