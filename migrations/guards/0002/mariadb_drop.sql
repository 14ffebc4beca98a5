-- As revision 0001 made it.
CREATE OR REPLACE TRIGGER jobs_guard_update BEFORE UPDATE ON jobs FOR EACH ROW
BEGIN
    DECLARE said varchar(500) DEFAULT NULL;
    IF NEW.state <> OLD.state AND NOT EXISTS (
        SELECT 1 FROM job_transitions t WHERE t.source = OLD.state AND t.target = NEW.state
    ) THEN
        SELECT CONCAT('job ', OLD.token, ' cannot go from ', OLD.state, ' to ', NEW.state,
            ': legal from there: ',
            COALESCE(GROUP_CONCAT(DISTINCT t.target ORDER BY t.target SEPARATOR ', '), 'none'))
            INTO said FROM job_transitions t WHERE t.source = OLD.state;
    ELSEIF NEW.attempt < OLD.attempt THEN
        SET said = CONCAT('job ', OLD.token, ': attempt never goes down (', OLD.attempt, ' to ',
            NEW.attempt, ')');
    ELSEIF NEW.token <> OLD.token OR NEW.queued_at <> OLD.queued_at THEN
        SET said = CONCAT('job ', OLD.token, ': token and queued_at never change');
    ELSEIF COALESCE(JSON_TYPE(NEW.parameters), '') <> 'OBJECT' THEN
        SET said = CONCAT('job ', OLD.token, ': parameters is a JSON object');
    END IF;
    IF said IS NOT NULL THEN
        SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 4025, MESSAGE_TEXT = said;
    END IF;
    -- Storing a job again whose token is there changes nothing, and nobody's hand is in it.
    IF NEW.changed_by = OLD.changed_by AND NOT (
        NEW.state = OLD.state AND NEW.attempt = OLD.attempt AND NEW.`rank` = OLD.`rank`
        AND NEW.run_at = OLD.run_at AND NEW.priority = OLD.priority AND NEW.queue = OLD.queue
        AND NEW.failures = OLD.failures AND NEW.losses = OLD.losses
        AND NEW.parameters = OLD.parameters AND NEW.requested <=> OLD.requested
        AND NEW.worker_id <=> OLD.worker_id AND NEW.tasks <=> OLD.tasks
        AND NEW.result <=> OLD.result AND NEW.error <=> OLD.error
        AND NEW.ended_at <=> OLD.ended_at AND NEW.started_at <=> OLD.started_at
    ) THEN
        INSERT INTO job_events (token, at, event, source, target, attempt, actor)
            VALUES (OLD.token, UTC_TIMESTAMP(6), 'by hand', OLD.state, NEW.state, NEW.attempt,
                    SESSION_USER());
    END IF;
END
