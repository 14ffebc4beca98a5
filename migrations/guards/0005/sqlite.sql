-- The guard of revision 0005: ended_counts stays exact when what it has counted goes, or goes on.
CREATE TRIGGER jobs_uncount_deleted AFTER DELETE ON jobs WHEN OLD.ended_at IS NOT NULL
BEGIN
    UPDATE ended_counts SET jobs = jobs - 1 WHERE queue = OLD.queue AND OLD.ended_at <= upto;
END
-- next
CREATE TRIGGER jobs_uncount_changed AFTER UPDATE ON jobs
    WHEN OLD.ended_at IS NOT NULL AND NEW.ended_at IS NOT OLD.ended_at
BEGIN
    UPDATE ended_counts SET jobs = jobs - (OLD.ended_at <= upto)
        + coalesce(NEW.ended_at <= upto, 0) WHERE queue = OLD.queue;
END
