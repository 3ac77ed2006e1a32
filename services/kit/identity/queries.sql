-- Statements about API keys, in the schema of the subject keys.

-- name: create_api_key
-- A new key; $7 is for how many days it is good.
INSERT INTO api_key (prefix, hash, name, role, subject, scopes, expires_at)
VALUES ($1, $2, $3, $4, $5, $6::text[], clock_timestamp() + $7::int * interval '1 day')
RETURNING expires_at

-- name: list_api_keys
-- Every key that there ever was, newest first.
SELECT prefix, name, role, subject, scopes, created_at, expires_at, revoked_at, last_used_at
FROM api_key ORDER BY created_at DESC, prefix

-- name: revoke_api_key
-- The key is over.
UPDATE api_key SET revoked_at = clock_timestamp() WHERE prefix = $1 AND revoked_at IS NULL

-- name: use_api_key
-- A key and why it is no longer good, if so. That it was used is noted once an hour.
WITH noted AS (UPDATE api_key SET last_used_at = clock_timestamp() WHERE prefix = $1
    AND revoked_at IS NULL AND expires_at > clock_timestamp()
    AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 hour'))
SELECT hash, role, subject, scopes, CASE WHEN revoked_at IS NOT NULL THEN 'key_revoked'
    WHEN expires_at <= clock_timestamp() THEN 'key_expired' END AS over
FROM api_key WHERE prefix = $1
