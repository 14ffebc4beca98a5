-- As revision 0005 made it.
DROP TRIGGER IF EXISTS jobs_late_stored
-- next
CREATE OR REPLACE TRIGGER jobs_uncount_deleted AFTER DELETE ON jobs FOR EACH ROW
BEGIN
    IF OLD.ended_at IS NOT NULL THEN
        UPDATE ended_counts SET jobs = jobs - (OLD.ended_at <= upto) WHERE queue = OLD.queue;
    END IF;
END
-- next
CREATE OR REPLACE TRIGGER jobs_uncount_changed AFTER UPDATE ON jobs FOR EACH ROW
BEGIN
    IF OLD.ended_at IS NOT NULL AND NOT (NEW.ended_at <=> OLD.ended_at) THEN
        UPDATE ended_counts SET jobs = jobs - (OLD.ended_at <= upto)
            + coalesce(NEW.ended_at <= upto, 0) WHERE queue = OLD.queue;
    END IF;
END
