-- As revision 0001 made it.
CREATE OR REPLACE FUNCTION :schema.guard_job() RETURNS trigger LANGUAGE plpgsql
    SET search_path = :schema, pg_catalog, pg_temp AS $$
DECLARE
    legal text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.state NOT IN ('finished', 'failed', 'cancelled', 'stopped') THEN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = 'job ' || OLD.token || ' is '
                || OLD.state || ': only a job that has ended can be deleted';
        END IF;
        RETURN OLD;
    ELSIF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'queued' THEN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = 'job ' || NEW.token
                || ' cannot begin as ' || NEW.state || ': a job begins as queued';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.state <> OLD.state AND NOT EXISTS (
        SELECT FROM job_transitions t WHERE t.source = OLD.state AND t.target = NEW.state
    ) THEN
        SELECT coalesce(string_agg(DISTINCT t.target, ', '), 'none') INTO legal
            FROM job_transitions t WHERE t.source = OLD.state;
        RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = 'job ' || OLD.token
            || ' cannot go from ' || OLD.state || ' to ' || NEW.state
            || ': legal from there: ' || legal;
    END IF;
    IF NEW.attempt < OLD.attempt THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = 'job ' || OLD.token
            || ': attempt never goes down (' || OLD.attempt || ' to ' || NEW.attempt || ')';
    END IF;
    IF NEW.token <> OLD.token OR NEW.queued_at <> OLD.queued_at THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = 'job ' || OLD.token
            || ': token and queued_at never change';
    END IF;
    IF jsonb_typeof(NEW.parameters) <> 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = 'job ' || OLD.token
            || ': parameters is a JSON object';
    END IF;
    IF NEW.changed_by = OLD.changed_by THEN
        INSERT INTO job_events (token, at, event, source, target, attempt, actor)
            VALUES (OLD.token, now(), 'by hand', OLD.state, NEW.state, NEW.attempt, session_user);
    END IF;
    RETURN NEW;
END $$
