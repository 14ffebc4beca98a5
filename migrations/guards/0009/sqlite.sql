-- The guard of revision 0009: ended_counts and stored_counts stay exact when a job goes, begins again,
-- is given another queue, or is stored or ends behind what is counted already.
DROP TRIGGER jobs_uncount_changed
-- next
DROP TRIGGER jobs_uncount_deleted
-- next
CREATE TRIGGER jobs_uncount_deleted AFTER DELETE ON jobs
BEGIN
    UPDATE ended_counts SET jobs = jobs - 1 WHERE queue = OLD.queue AND OLD.ended_at <= upto
        AND NOT EXISTS (SELECT 1 FROM ended_late l WHERE l.token = OLD.token);
    DELETE FROM ended_late WHERE token = OLD.token;
    UPDATE stored_counts SET jobs = jobs - 1 WHERE queue = OLD.queue AND OLD.token <= upto
        AND NOT EXISTS (SELECT 1 FROM stored_late l WHERE l.token = OLD.token);
    DELETE FROM stored_late WHERE token = OLD.token;
END
-- next
CREATE TRIGGER jobs_uncount_changed AFTER UPDATE ON jobs WHEN OLD.ended_at IS NOT NULL
    AND (NEW.ended_at IS NOT OLD.ended_at OR NEW.queue <> OLD.queue)
BEGIN
    UPDATE ended_counts SET jobs = jobs - 1 WHERE queue = OLD.queue AND OLD.ended_at <= upto
        AND NOT EXISTS (SELECT 1 FROM ended_late l WHERE l.token = OLD.token);
    DELETE FROM ended_late WHERE token = OLD.token;
    INSERT INTO ended_late (token, queue, ended_at)
        SELECT NEW.token, NEW.queue, NEW.ended_at WHERE NEW.ended_at IS NOT NULL;
END
-- next
CREATE TRIGGER jobs_uncount_moved AFTER UPDATE ON jobs WHEN NEW.queue <> OLD.queue
BEGIN
    UPDATE stored_counts SET jobs = jobs - 1 WHERE queue = OLD.queue AND OLD.token <= upto
        AND NOT EXISTS (SELECT 1 FROM stored_late l WHERE l.token = OLD.token);
    DELETE FROM stored_late WHERE token = OLD.token;
    INSERT INTO stored_late (token, queue) VALUES (NEW.token, NEW.queue);
END
-- next
CREATE TRIGGER jobs_late_stored AFTER INSERT ON jobs
    WHEN NEW.token <= (SELECT max(upto) FROM stored_counts)
BEGIN
    INSERT INTO stored_late (token, queue) VALUES (NEW.token, NEW.queue)
        ON CONFLICT (token) DO UPDATE SET queue = excluded.queue;
END
-- next
CREATE TRIGGER jobs_late_ended AFTER UPDATE ON jobs WHEN NEW.ended_at IS NOT NULL
    AND OLD.ended_at IS NULL AND NEW.ended_at <= (SELECT max(upto) FROM ended_counts)
BEGIN
    INSERT INTO ended_late (token, queue, ended_at) VALUES (NEW.token, NEW.queue, NEW.ended_at)
        ON CONFLICT (token) DO UPDATE SET queue = excluded.queue, ended_at = excluded.ended_at;
END
