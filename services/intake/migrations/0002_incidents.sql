-- Incidents: one cause, many cases. Titles and texts are of no customer's own: they are sealed under
-- the installation's key, and in each case's stream under that of its customer.

-- `telling`: some case does not know the newest update yet. Updates are counted here, so that an
-- incident locked FOR SHARE has no update on its way.
CREATE TABLE incident (
    id uuid PRIMARY KEY,
    document bytea NOT NULL,
    created_at timestamptz NOT NULL,
    closed_at timestamptz,
    updates int NOT NULL CHECK (updates >= 0),
    telling boolean NOT NULL DEFAULT false
);
CREATE INDEX incident_created ON incident (created_at DESC, id DESC);
CREATE INDEX incident_telling ON incident (id) WHERE telling;

CREATE TABLE incident_update (
    incident_id uuid NOT NULL REFERENCES incident,
    number int NOT NULL CHECK (number >= 1),
    document bytea NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (incident_id, number)
);

-- Which case is linked to what, and how many of the updates it was told. A row changes only under the
-- lock of its case's entity; it stays when the case leaves, so that no update is told twice.
CREATE TABLE incident_case (
    incident_id uuid NOT NULL REFERENCES incident,
    case_id uuid NOT NULL REFERENCES case_line,
    linked_at timestamptz NOT NULL,
    left_at timestamptz,
    told int NOT NULL CHECK (told >= 0),
    PRIMARY KEY (incident_id, case_id)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX incident_case_one ON incident_case (case_id) WHERE left_at IS NULL;
CREATE INDEX incident_case_untold ON incident_case (incident_id, told, case_id) WHERE left_at IS NULL;
