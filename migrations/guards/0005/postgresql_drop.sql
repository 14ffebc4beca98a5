DROP TRIGGER jobs_uncount_changed ON :schema.jobs
-- next
DROP TRIGGER jobs_uncount_deleted ON :schema.jobs
-- next
DROP FUNCTION :schema.uncount_job()
