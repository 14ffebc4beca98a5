-- The guard of revision 0010: what is usual is told by a condition, and calls no function. After the
-- change, since a trigger before it would have the row locked once more.
CREATE TRIGGER jobs_guard_insert AFTER INSERT ON :schema.jobs FOR EACH ROW
    WHEN (NEW.state <> 'queued') EXECUTE FUNCTION :schema.guard_job()
-- next
CREATE TRIGGER jobs_guard_delete AFTER DELETE ON :schema.jobs FOR EACH ROW
    WHEN (OLD.state NOT IN ('finished', 'failed', 'cancelled', 'stopped'))
    EXECUTE FUNCTION :schema.guard_job()
-- next
-- Usual are a claim, and the good or bad end of a job that works on no tasks.
CREATE OR REPLACE TRIGGER jobs_guard AFTER UPDATE ON :schema.jobs FOR EACH ROW
    WHEN ((
        (OLD.state = 'queued' AND NEW.state = 'running' OR OLD.state = 'running'
            AND NEW.state IN ('finished', 'failed') AND NEW.tasks IS NULL)
        AND NEW.attempt >= OLD.attempt AND NEW.token = OLD.token
        AND NEW.queued_at = OLD.queued_at AND jsonb_typeof(NEW.parameters) = 'object'
        AND isfinite(NEW.run_at) AND NEW.changed_by <> OLD.changed_by
    ) IS NOT TRUE) EXECUTE FUNCTION :schema.guard_job()
