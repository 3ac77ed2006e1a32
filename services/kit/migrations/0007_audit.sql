-- Which person (or machine) was shown whose private data, when and for what; never the data.

-- One row per data subject or case that an answer showed; one with neither where it showed nobody's
-- (a search that found nothing is a reading too). `actor` is a staff number, the name of a machine,
-- or the opaque subject of a customer. Instants are real time.
CREATE TABLE audit (
    pos bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    request text NOT NULL,
    role text NOT NULL,
    actor text NOT NULL,
    route text NOT NULL,
    shows text[] NOT NULL,
    purpose text,
    case_id uuid,
    subject uuid
);
CREATE INDEX audit_subject ON audit (subject, pos) WHERE subject IS NOT NULL;
CREATE INDEX audit_case ON audit (case_id, pos) WHERE case_id IS NOT NULL;
CREATE INDEX audit_actor ON audit (actor, pos);
CREATE INDEX audit_at ON audit (at);

-- Nothing is changed here, and nothing taken out before it is 90 days old: whoever has the service's
-- role would have to take these away first, which is seen.
CREATE FUNCTION keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.at < clock_timestamp() - interval '90 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit is only added to' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION keep_audit();
CREATE TRIGGER audit_stays_whole BEFORE TRUNCATE ON audit EXECUTE FUNCTION keep_audit();
