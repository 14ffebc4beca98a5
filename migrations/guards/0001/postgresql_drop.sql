DROP TRIGGER jobs_guard ON :schema.jobs
-- next
DROP FUNCTION :schema.guard_job()
