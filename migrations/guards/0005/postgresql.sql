-- The guard of revision 0005: ended_counts stays exact when what it has counted goes, or goes on.
CREATE FUNCTION :schema.uncount_job() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
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
REVOKE ALL ON FUNCTION :schema.uncount_job() FROM PUBLIC
-- next
COMMENT ON FUNCTION :schema.uncount_job() IS
    'Takes jobs that are removed or begin again out of ended_counts'
-- next
CREATE TRIGGER jobs_uncount_deleted AFTER DELETE ON :schema.jobs REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION :schema.uncount_job()
-- next
CREATE TRIGGER jobs_uncount_changed AFTER UPDATE ON :schema.jobs FOR EACH ROW
    WHEN (OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at)
    EXECUTE FUNCTION :schema.uncount_job()
