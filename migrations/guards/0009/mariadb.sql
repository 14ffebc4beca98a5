-- The guard of revision 0009: ended_counts and stored_counts stay exact when a job goes, begins again,
-- is given another queue, or is stored or ends behind what is counted already.
CREATE OR REPLACE TRIGGER jobs_uncount_deleted AFTER DELETE ON jobs FOR EACH ROW
BEGIN
    -- First the lock, which waits for a count under way.
    INSERT INTO ended_counts (queue, jobs, upto) VALUES (OLD.queue, 0, '1970-01-01')
        ON DUPLICATE KEY UPDATE queue = OLD.queue;
    DELETE FROM ended_late WHERE token = OLD.token;
    IF ROW_COUNT() = 0 THEN
        UPDATE ended_counts SET jobs = jobs - 1 WHERE queue = OLD.queue AND OLD.ended_at <= upto;
    END IF;
    DELETE FROM stored_late WHERE token = OLD.token;
    IF ROW_COUNT() = 0 THEN
        UPDATE stored_counts SET jobs = jobs - 1 WHERE queue = OLD.queue AND OLD.token <= upto;
    END IF;
END
-- next
CREATE OR REPLACE TRIGGER jobs_uncount_changed AFTER UPDATE ON jobs FOR EACH ROW
BEGIN
    IF NEW.queue <> OLD.queue
        OR (OLD.ended_at IS NOT NULL AND NOT (NEW.ended_at <=> OLD.ended_at)) THEN
        INSERT INTO ended_counts (queue, jobs, upto) VALUES (OLD.queue, 0, '1970-01-01')
            ON DUPLICATE KEY UPDATE queue = OLD.queue;
        IF OLD.ended_at IS NOT NULL THEN
            DELETE FROM ended_late WHERE token = OLD.token;
            IF ROW_COUNT() = 0 THEN
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
            IF ROW_COUNT() = 0 THEN
                UPDATE stored_counts SET jobs = jobs - 1
                    WHERE queue = OLD.queue AND OLD.token <= upto;
            END IF;
            INSERT INTO stored_late (token, queue) VALUES (NEW.token, NEW.queue);
        END IF;
    END IF;
    -- Late by the clock too: a statement may see the counts as they were when it began.
    IF NEW.ended_at IS NOT NULL AND OLD.ended_at IS NULL AND (
        NEW.ended_at < UTC_TIMESTAMP(6) - INTERVAL 2 SECOND
        OR NEW.ended_at <= (SELECT MAX(upto) FROM ended_counts)
    ) THEN
        INSERT INTO ended_late (token, queue, ended_at)
            VALUES (NEW.token, NEW.queue, NEW.ended_at)
            ON DUPLICATE KEY UPDATE queue = NEW.queue, ended_at = NEW.ended_at;
    END IF;
END
-- next
CREATE OR REPLACE TRIGGER jobs_late_stored AFTER INSERT ON jobs FOR EACH ROW
BEGIN
    -- A uuid v7 begins with 48 bits of milliseconds.
    IF NEW.token < INSERT(LPAD(LOWER(HEX((UNIX_TIMESTAMP() - 2) * 1000)), 12, '0'), 9, 0, '-')
        OR NEW.token <= (SELECT MAX(upto) FROM stored_counts) THEN
        INSERT INTO stored_late (token, queue) VALUES (NEW.token, NEW.queue)
            ON DUPLICATE KEY UPDATE queue = NEW.queue;
    END IF;
END
