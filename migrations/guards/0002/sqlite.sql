-- The guard of revision 0002: refusals name the legal moves, which a trigger of SQLite must hold as
-- plain text. A job that has ended lets go of its tasks. One statement a part.
DROP TRIGGER jobs_guard_move
-- next
CREATE TRIGGER jobs_guard_move_queued BEFORE UPDATE ON jobs
    WHEN OLD.state = 'queued' AND NEW.state <> OLD.state AND NOT EXISTS (
        SELECT 1 FROM job_transitions t WHERE t.source = OLD.state AND t.target = NEW.state
    )
BEGIN
    SELECT raise(ABORT, 'no legal move of a job: from queued legal: cancelled, paused, running');
END
-- next
CREATE TRIGGER jobs_guard_move_running BEFORE UPDATE ON jobs
    WHEN OLD.state = 'running' AND NEW.state <> OLD.state AND NOT EXISTS (
        SELECT 1 FROM job_transitions t WHERE t.source = OLD.state AND t.target = NEW.state
    )
BEGIN
    SELECT raise(ABORT, 'no legal move of a job: from running legal: failed, finished, paused, queued, stopped');
END
-- next
CREATE TRIGGER jobs_guard_move_paused BEFORE UPDATE ON jobs
    WHEN OLD.state = 'paused' AND NEW.state <> OLD.state AND NOT EXISTS (
        SELECT 1 FROM job_transitions t WHERE t.source = OLD.state AND t.target = NEW.state
    )
BEGIN
    SELECT raise(ABORT, 'no legal move of a job: from paused legal: cancelled, queued');
END
-- next
CREATE TRIGGER jobs_guard_move_finished BEFORE UPDATE ON jobs
    WHEN OLD.state = 'finished' AND NEW.state <> OLD.state AND NOT EXISTS (
        SELECT 1 FROM job_transitions t WHERE t.source = OLD.state AND t.target = NEW.state
    )
BEGIN
    SELECT raise(ABORT, 'no legal move of a job: from finished legal: none');
END
-- next
CREATE TRIGGER jobs_guard_move_failed BEFORE UPDATE ON jobs
    WHEN OLD.state = 'failed' AND NEW.state <> OLD.state AND NOT EXISTS (
        SELECT 1 FROM job_transitions t WHERE t.source = OLD.state AND t.target = NEW.state
    )
BEGIN
    SELECT raise(ABORT, 'no legal move of a job: from failed legal: queued');
END
-- next
CREATE TRIGGER jobs_guard_move_cancelled BEFORE UPDATE ON jobs
    WHEN OLD.state = 'cancelled' AND NEW.state <> OLD.state AND NOT EXISTS (
        SELECT 1 FROM job_transitions t WHERE t.source = OLD.state AND t.target = NEW.state
    )
BEGIN
    SELECT raise(ABORT, 'no legal move of a job: from cancelled legal: queued');
END
-- next
CREATE TRIGGER jobs_guard_move_stopped BEFORE UPDATE ON jobs
    WHEN OLD.state = 'stopped' AND NEW.state <> OLD.state AND NOT EXISTS (
        SELECT 1 FROM job_transitions t WHERE t.source = OLD.state AND t.target = NEW.state
    )
BEGIN
    SELECT raise(ABORT, 'no legal move of a job: from stopped legal: queued');
END
-- next
CREATE TRIGGER jobs_free_tasks AFTER UPDATE ON jobs
    WHEN NEW.state <> OLD.state AND NEW.tasks IS NOT NULL
    AND NEW.state IN ('finished', 'failed', 'cancelled', 'stopped')
BEGIN
    DELETE FROM job_tasks WHERE token = OLD.token;
END
