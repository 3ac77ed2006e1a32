-- What is given to a data subject, and what is pruned by its age.

CREATE INDEX entity_subject_id ON entity (subject, id) WHERE subject IS NOT NULL;
-- Bytes of dead letters expire.
CREATE INDEX dead_letter_bytes ON dead_letter (at) WHERE octet_length(raw) > 0;
