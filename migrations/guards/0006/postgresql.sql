-- The guard of revision 0006: what a job returned goes when the job is to run again, whoever says so.
CREATE FUNCTION :schema.forget_results() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = :schema, pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM job_results WHERE token = NEW.token;
    RETURN NULL;
END $$
-- next
REVOKE ALL ON FUNCTION :schema.forget_results() FROM PUBLIC
-- next
COMMENT ON FUNCTION :schema.forget_results() IS
    'Removes what a job returned when it is to run again'
-- next
CREATE TRIGGER jobs_forget_results AFTER UPDATE ON :schema.jobs FOR EACH ROW
    WHEN (OLD.ended_at IS NOT NULL AND NEW.ended_at IS NULL)
    EXECUTE FUNCTION :schema.forget_results()
