DROP TRIGGER jobs_forget_results ON :schema.jobs
-- next
DROP FUNCTION :schema.forget_results()
