-- Files that customers sent, from now on as sealed objects in a store of their own. What lies in
-- `evidence_blob` stays there and is read from there.

-- `file` is the blind SHA-256; `file_key` opens the object, and is sealed under the subject's key.
CREATE TABLE evidence_object (
    case_id uuid NOT NULL REFERENCES case_line,
    file bytea NOT NULL CHECK (octet_length(file) = 32),
    subject uuid NOT NULL,
    object text NOT NULL UNIQUE,
    file_key bytea NOT NULL,
    size bigint NOT NULL CHECK (size > 0),
    at timestamptz NOT NULL,
    PRIMARY KEY (case_id, file)
);

-- Objects that no file needs any more: written in the transaction that let go of the file, deleted
-- from the store behind it.
CREATE TABLE evidence_gone (object text PRIMARY KEY);
