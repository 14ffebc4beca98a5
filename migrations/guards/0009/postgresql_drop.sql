-- As revision 0005 made it.
DROP TRIGGER jobs_late_ended ON :schema.jobs
-- next
DROP TRIGGER jobs_late_stored ON :schema.jobs
-- next
DROP FUNCTION :schema.note_late_job()
-- next
DROP SEQUENCE :schema.counted_upto
-- next
CREATE OR REPLACE FUNCTION :schema.uncount_job() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = :schema, pg_catalog, pg_temp AS $$
BEGIN
    -- First the lock, which waits for a count under way; what follows sees what that has counted.
    IF TG_OP = 'DELETE' THEN
        PERFORM 1 FROM ended_counts WHERE queue IN (SELECT queue FROM gone)
            ORDER BY queue FOR UPDATE;
        UPDATE ended_counts c SET jobs = c.jobs - (
            SELECT count(*) FROM gone g WHERE g.queue = c.queue AND g.ended_at <= c.upto
        ) WHERE c.queue IN (SELECT queue FROM gone);
    ELSE
        PERFORM 1 FROM ended_counts WHERE queue = OLD.queue FOR UPDATE;
        UPDATE ended_counts SET jobs = jobs - (OLD.ended_at <= upto)::int
            + coalesce((NEW.ended_at <= upto)::int, 0) WHERE queue = OLD.queue;
    END IF;
    RETURN NULL;
END $$
-- next
COMMENT ON FUNCTION :schema.uncount_job() IS
    'Takes jobs that are removed or begin again out of ended_counts'
-- next
CREATE OR REPLACE TRIGGER jobs_uncount_changed AFTER UPDATE ON :schema.jobs FOR EACH ROW
    WHEN (OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at)
    EXECUTE FUNCTION :schema.uncount_job()
