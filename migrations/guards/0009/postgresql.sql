-- The guard of revision 0009: ended_counts and stored_counts stay exact when a job goes, begins again,
-- is given another queue, or is stored or ends behind what is counted already.
CREATE SEQUENCE :schema.counted_upto
-- next
COMMENT ON SEQUENCE :schema.counted_upto IS
    'Milliseconds since 1970: what is stored or ends with an earlier time is noted as late'
-- next
GRANT USAGE ON SEQUENCE :schema.counted_upto TO PUBLIC
-- next
SELECT setval(':schema.counted_upto', CAST(extract(epoch FROM max(upto)) * 1000 AS bigint) + 1)
    FROM :schema.ended_counts HAVING max(upto) > to_timestamp(1)
-- next
CREATE OR REPLACE FUNCTION :schema.uncount_job() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = :schema, pg_catalog, pg_temp AS $$
BEGIN
    -- First the lock, which waits for a count under way; what follows sees what that has counted.
    IF TG_OP = 'DELETE' THEN
        INSERT INTO ended_counts (queue, jobs, upto)
            SELECT DISTINCT queue, 0, to_timestamp(0) FROM gone ORDER BY queue
            ON CONFLICT (queue) DO NOTHING;
        PERFORM 1 FROM ended_counts WHERE queue IN (SELECT queue FROM gone)
            ORDER BY queue FOR UPDATE;
        WITH noted AS (
            DELETE FROM ended_late l USING gone g WHERE l.token = g.token RETURNING l.token
        )
        UPDATE ended_counts c SET jobs = c.jobs - (
            SELECT count(*) FROM gone g WHERE g.queue = c.queue AND g.ended_at <= c.upto
                AND g.token NOT IN (SELECT token FROM noted)
        ) WHERE c.queue IN (SELECT queue FROM gone);
        WITH noted AS (
            DELETE FROM stored_late l USING gone g WHERE l.token = g.token RETURNING l.token
        )
        UPDATE stored_counts c SET jobs = c.jobs - (
            SELECT count(*) FROM gone g WHERE g.queue = c.queue AND g.token <= c.upto
                AND g.token NOT IN (SELECT token FROM noted)
        ) WHERE c.queue IN (SELECT queue FROM gone);
        RETURN NULL;
    END IF;
    INSERT INTO ended_counts (queue, jobs, upto) VALUES (OLD.queue, 0, to_timestamp(0))
        ON CONFLICT (queue) DO NOTHING;
    PERFORM 1 FROM ended_counts WHERE queue = OLD.queue FOR UPDATE;
    -- Whatever was counted is taken out; what is to be counted anew is noted as late.
    IF OLD.ended_at IS NOT NULL THEN
        DELETE FROM ended_late WHERE token = OLD.token;
        IF NOT FOUND THEN
            UPDATE ended_counts SET jobs = jobs - 1
                WHERE queue = OLD.queue AND OLD.ended_at <= upto;
        END IF;
        IF NEW.ended_at IS NOT NULL THEN
            INSERT INTO ended_late (token, queue, ended_at)
                VALUES (NEW.token, NEW.queue, NEW.ended_at);
        END IF;
    END IF;
    IF NEW.queue <> OLD.queue THEN
        DELETE FROM stored_late WHERE token = OLD.token;
        IF NOT FOUND THEN
            UPDATE stored_counts SET jobs = jobs - 1
                WHERE queue = OLD.queue AND OLD.token <= upto;
        END IF;
        INSERT INTO stored_late (token, queue) VALUES (NEW.token, NEW.queue);
    END IF;
    RETURN NULL;
END $$
-- next
COMMENT ON FUNCTION :schema.uncount_job() IS
    'Takes jobs that are removed, begin again or change out of ended_counts and stored_counts'
-- next
CREATE OR REPLACE TRIGGER jobs_uncount_changed AFTER UPDATE ON :schema.jobs FOR EACH ROW
    WHEN ((OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at)
        OR NEW.queue <> OLD.queue)
    EXECUTE FUNCTION :schema.uncount_job()
-- next
CREATE FUNCTION :schema.note_late_job() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = :schema, pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO stored_late (token, queue) VALUES (NEW.token, NEW.queue)
            ON CONFLICT (token) DO UPDATE SET queue = excluded.queue;
    ELSE
        INSERT INTO ended_late (token, queue, ended_at)
            VALUES (NEW.token, NEW.queue, NEW.ended_at)
            ON CONFLICT (token) DO UPDATE SET queue = excluded.queue, ended_at = excluded.ended_at;
    END IF;
    RETURN NULL;
END $$
-- next
REVOKE ALL ON FUNCTION :schema.note_late_job() FROM PUBLIC
-- next
COMMENT ON FUNCTION :schema.note_late_job() IS
    'Notes jobs that are stored or end behind what is counted already: stored_late, ended_late'
-- next
-- A uuid v7 begins with 48 bits of milliseconds. A sequence is read without a snapshot.
CREATE TRIGGER jobs_late_stored AFTER INSERT ON :schema.jobs FOR EACH ROW
    WHEN (uuid_send(NEW.token)
        < int8send(pg_sequence_last_value(CAST(':schema.counted_upto' AS regclass)) << 16))
    EXECUTE FUNCTION :schema.note_late_job()
-- next
CREATE TRIGGER jobs_late_ended AFTER UPDATE ON :schema.jobs FOR EACH ROW
    WHEN (NEW.ended_at IS NOT NULL AND OLD.ended_at IS NULL AND NEW.ended_at <= to_timestamp(
        CAST(pg_sequence_last_value(CAST(':schema.counted_upto' AS regclass)) AS float8) / 1000))
    EXECUTE FUNCTION :schema.note_late_job()
