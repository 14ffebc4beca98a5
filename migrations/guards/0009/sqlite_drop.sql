-- As revision 0005 made it.
DROP TRIGGER jobs_late_ended
-- next
DROP TRIGGER jobs_late_stored
-- next
DROP TRIGGER jobs_uncount_moved
-- next
DROP TRIGGER jobs_uncount_changed
-- next
DROP TRIGGER jobs_uncount_deleted
-- next
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
