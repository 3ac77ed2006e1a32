-- What is pruned by its age.

-- Bytes of dead letters expire.
CREATE INDEX dead_letter_bytes ON dead_letter (at) WHERE octet_length(raw) > 0;
