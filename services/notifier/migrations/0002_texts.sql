-- Texts that were sent expire: found by their age.
CREATE INDEX delivery_texts ON delivery (planned_at, id) WHERE octet_length(body) > 0;
