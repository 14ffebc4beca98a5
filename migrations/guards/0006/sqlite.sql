-- The guard of revision 0006: what a job returned goes when the job is to run again, whoever says so.
CREATE TRIGGER jobs_forget_results AFTER UPDATE ON jobs
    WHEN OLD.ended_at IS NOT NULL AND NEW.ended_at IS NULL
BEGIN
    DELETE FROM job_results WHERE token = NEW.token;
END
