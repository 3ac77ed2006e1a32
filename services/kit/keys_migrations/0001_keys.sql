-- One key per data subject, wrapped by the master key; erasure leaves the row as a tombstone.
CREATE TABLE subject_key (
    subject uuid PRIMARY KEY,
    wrapped bytea,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    erased_at timestamptz,
    CHECK ((wrapped IS NULL) = (erased_at IS NOT NULL))
);
-- Which service fetched which key (audit; hourly grain so that it stays small).
CREATE TABLE key_use (
    subject uuid NOT NULL,
    service text NOT NULL,
    hour timestamptz NOT NULL,
    PRIMARY KEY (subject, service, hour)
);
