-- What a service remembers of an erasure, and how it finds what there is of a subject.
CREATE INDEX entity_subject_id ON entity (subject, id) WHERE subject IS NOT NULL;
-- Whom this service has let go. A restored backup of this schema lacks them, and lets go again; one of
-- the keys' schema brings keys back, which this destroys again.
CREATE TABLE erased_subject (
    subject uuid PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    cases int NOT NULL
);
-- The bytes of a dead letter about somebody who was erased are gone; what it was called stays.
ALTER TABLE dead_letter DROP CONSTRAINT dead_letter_settled_check;
ALTER TABLE dead_letter ADD CONSTRAINT dead_letter_settled_check
    CHECK (settled IN ('requeued', 'skipped', 'erased'));
