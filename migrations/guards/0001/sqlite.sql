-- The guard: the database itself refuses what job_transitions does not allow, and tells of
-- changes made by hand. One statement a part.
CREATE TRIGGER jobs_guard_insert BEFORE INSERT ON jobs WHEN NEW.state <> 'queued'
BEGIN
    SELECT raise(ABORT, 'a job begins as queued');
END
-- next
CREATE TRIGGER jobs_guard_delete BEFORE DELETE ON jobs
    WHEN OLD.state NOT IN ('finished', 'failed', 'cancelled', 'stopped')
BEGIN
    SELECT raise(ABORT, 'only a job that has ended can be deleted');
END
-- next
CREATE TRIGGER jobs_guard_move BEFORE UPDATE ON jobs WHEN NEW.state <> OLD.state
    AND NOT EXISTS (
        SELECT 1 FROM job_transitions t WHERE t.source = OLD.state AND t.target = NEW.state
    )
BEGIN
    SELECT raise(ABORT, 'no legal move of a job: see the table job_transitions');
END
-- next
CREATE TRIGGER jobs_guard_fixed BEFORE UPDATE ON jobs WHEN NEW.attempt < OLD.attempt
    OR NEW.token <> OLD.token OR NEW.queued_at <> OLD.queued_at
BEGIN
    SELECT raise(ABORT, 'attempt never goes down; token and queued_at never change');
END
-- next
CREATE TRIGGER jobs_guard_form BEFORE UPDATE ON jobs WHEN NOT json_valid(NEW.parameters)
    OR json_type(NEW.parameters) <> 'object' OR typeof(NEW.rank) <> 'integer'
BEGIN
    SELECT raise(ABORT, 'parameters is a JSON object, rank a whole number');
END
-- next
CREATE TRIGGER jobs_by_hand AFTER UPDATE ON jobs WHEN NEW.changed_by = OLD.changed_by
BEGIN
    INSERT INTO job_events (token, at, event, source, target, attempt, actor)
    VALUES (OLD.token, strftime('%Y-%m-%d %H:%M:%f000', 'now'), 'by hand', OLD.state, NEW.state,
            NEW.attempt, 'by hand');
END
