-- As revision 0001 made it.
DROP TRIGGER jobs_free_tasks
-- next
DROP TRIGGER jobs_guard_move_queued
-- next
DROP TRIGGER jobs_guard_move_running
-- next
DROP TRIGGER jobs_guard_move_paused
-- next
DROP TRIGGER jobs_guard_move_finished
-- next
DROP TRIGGER jobs_guard_move_failed
-- next
DROP TRIGGER jobs_guard_move_cancelled
-- next
DROP TRIGGER jobs_guard_move_stopped
-- next
CREATE TRIGGER jobs_guard_move BEFORE UPDATE ON jobs WHEN NEW.state <> OLD.state
    AND NOT EXISTS (
        SELECT 1 FROM job_transitions t WHERE t.source = OLD.state AND t.target = NEW.state
    )
BEGIN
    SELECT raise(ABORT, 'no legal move of a job: see the table job_transitions');
END
