-- As revision 0001 made it.
CREATE OR REPLACE TRIGGER jobs_guard BEFORE INSERT OR DELETE OR UPDATE ON :schema.jobs
    FOR EACH ROW EXECUTE FUNCTION :schema.guard_job()
-- next
DROP TRIGGER jobs_guard_insert ON :schema.jobs
-- next
DROP TRIGGER jobs_guard_delete ON :schema.jobs
