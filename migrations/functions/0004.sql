-- The functions of revision 0004, for DBAs on PostgreSQL: every verb of operators, with actor and
-- reason. Each runs with its owner's rights and tells who called it (session_user).
-- "-- function NAME(TYPES): comment" begins each; nobody but the owner may call one unless granted.

-- function _lock_job(uuid): Internal: lock the row of an action, and return it
CREATE FUNCTION :schema._lock_job(token uuid) RETURNS :schema.jobs LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = :schema, pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    job jobs;
BEGIN
    SELECT * INTO job FROM jobs j WHERE j.token = _lock_job.token FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'no_data_found',
            MESSAGE = concat('no action has the token ', _lock_job.token),
            HINT = 'The token is the one that the client was given; see the table jobs.';
    END IF;
    RETURN job;
END $$

-- function _refuse(text,uuid,text): Internal: refuse a verb that does not apply to the state
CREATE FUNCTION :schema._refuse(verb text, token uuid, state text) RETURNS void
    LANGUAGE plpgsql SET search_path = :schema, pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
        MESSAGE = concat('cannot ', verb, ' ', token, ': it is ', state),
        HINT = concat('SELECT * FROM job_status WHERE token = ''', token, ''' says what can be done.');
END $$

-- function _record(uuid,text,text,text,text): Internal: one row of the trail
CREATE FUNCTION :schema._record(
    token uuid, event text, source text, target text, reason text
) RETURNS void LANGUAGE sql SECURITY DEFINER
    SET search_path = :schema, pg_catalog, pg_temp AS $$
    INSERT INTO job_events (token, at, event, source, target, actor, reason)
    VALUES (_record.token, now(), _record.event, _record.source, _record.target,
            'sql ' || session_user, _record.reason)
$$

-- function cancel_job(uuid,text): Take a waiting action out: it never starts. Returns its state
CREATE FUNCTION :schema.cancel_job(token uuid, reason text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = :schema, pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    job jobs := _lock_job(cancel_job.token);
BEGIN
    IF job.state = 'cancelled' THEN
        RETURN job.state;
    ELSIF job.state NOT IN ('queued', 'paused') THEN
        PERFORM _refuse('cancel', job.token, job.state);
    END IF;
    UPDATE jobs j SET state = 'cancelled', ended_at = now(),
        changed_by = 'sql ' || session_user || ' cancel' WHERE j.token = job.token;
    PERFORM _record(job.token, 'cancel', job.state, 'cancelled', cancel_job.reason);
    RETURN 'cancelled';
END $$

-- function stop_job(uuid,text): End an action whatever it does. 'running': its worker ends it now
CREATE FUNCTION :schema.stop_job(token uuid, reason text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = :schema, pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    job jobs := _lock_job(stop_job.token);
BEGIN
    IF job.state IN ('stopped', 'cancelled') THEN
        RETURN job.state;
    ELSIF job.state IN ('finished', 'failed') THEN
        PERFORM _refuse('stop', job.token, job.state);
    ELSIF job.state <> 'running' THEN
        RETURN cancel_job(job.token, stop_job.reason);
    ELSIF job.requested IS DISTINCT FROM 'stop' THEN
        UPDATE jobs j SET requested = 'stop', requested_at = now(),
            requested_by = 'sql ' || session_user, requested_reason = stop_job.reason,
            changed_by = 'sql ' || session_user || ' stop request' WHERE j.token = job.token;
        PERFORM _record(job.token, 'stop requested', NULL, NULL, stop_job.reason);
        PERFORM pg_notify('webex_connector', job.queue);
    END IF;
    RETURN 'running';
END $$

-- function stop_queue(text,text): Ask every running action of a queue to stop. Returns their tokens
CREATE FUNCTION :schema.stop_queue(queue text, reason text DEFAULT NULL) RETURNS SETOF uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = :schema, pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    chosen uuid;
    job jobs;
BEGIN
    FOR chosen IN SELECT j.token FROM jobs j WHERE j.state = 'running' AND j.queue = stop_queue.queue
    LOOP
        job := _lock_job(chosen);
        IF job.state = 'running' THEN
            PERFORM stop_job(chosen, stop_queue.reason);
            RETURN NEXT chosen;
        END IF;
    END LOOP;
END $$

-- function pause_job(uuid,text): Have an action wait until resume_job. 'running': it saves and ends
CREATE FUNCTION :schema.pause_job(token uuid, reason text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = :schema, pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    job jobs := _lock_job(pause_job.token);
BEGIN
    IF job.state = 'paused' THEN
        RETURN job.state;
    ELSIF job.state NOT IN ('queued', 'running') OR job.requested = 'stop' THEN
        PERFORM _refuse('pause', job.token, job.state);
    ELSIF job.state = 'queued' THEN
        UPDATE jobs j SET state = 'paused', changed_by = 'sql ' || session_user || ' hold'
            WHERE j.token = job.token;
        PERFORM _record(job.token, 'hold', 'queued', 'paused', pause_job.reason);
        RETURN 'paused';
    ELSIF job.requested IS NULL THEN
        UPDATE jobs j SET requested = 'pause', requested_at = now(),
            requested_by = 'sql ' || session_user, requested_reason = pause_job.reason,
            changed_by = 'sql ' || session_user || ' pause request' WHERE j.token = job.token;
        PERFORM _record(job.token, 'pause requested', NULL, NULL, pause_job.reason);
        PERFORM pg_notify('webex_connector', job.queue);
    END IF;
    RETURN 'running';
END $$

-- function resume_job(uuid,text): Have a paused action wait for a worker again, from its checkpoint
CREATE FUNCTION :schema.resume_job(token uuid, reason text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = :schema, pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    job jobs := _lock_job(resume_job.token);
BEGIN
    IF job.state NOT IN ('queued', 'running', 'paused') THEN
        PERFORM _refuse('resume', job.token, job.state);
    ELSIF job.state = 'paused' THEN
        UPDATE jobs j SET state = 'queued', changed_by = 'sql ' || session_user || ' resume'
            WHERE j.token = job.token;
        PERFORM _record(job.token, 'resume', 'paused', 'queued', resume_job.reason);
        PERFORM pg_notify('webex_connector', job.queue);
        RETURN 'queued';
    ELSIF job.requested = 'pause' THEN
        UPDATE jobs j SET requested = NULL, requested_at = NULL, requested_by = NULL,
            requested_reason = NULL, changed_by = 'sql ' || session_user || ' pause withdrawn'
            WHERE j.token = job.token;
        PERFORM _record(job.token, 'pause withdrawn', NULL, NULL, resume_job.reason);
    END IF;
    RETURN job.state;
END $$

-- function retry_job(uuid,text): Have a failed, stopped or cancelled action run again, same token
CREATE FUNCTION :schema.retry_job(token uuid, reason text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = :schema, pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    job jobs := _lock_job(retry_job.token);
BEGIN
    IF job.state IN ('queued', 'running', 'paused') THEN
        RETURN job.state;
    ELSIF job.state = 'finished' THEN
        PERFORM _refuse('retry', job.token, job.state);
    END IF;
    UPDATE jobs j SET state = 'queued', changed_by = 'sql ' || session_user || ' reopen',
        result = NULL, error = NULL, ended_at = NULL, worker_id = NULL, requested = NULL,
        requested_at = NULL, requested_by = NULL, requested_reason = NULL, failures = 0,
        run_at = now(), rank = extract(epoch FROM now()) * 1000000 - _boost(j.queue, j.priority)
        WHERE j.token = job.token;
    PERFORM _record(job.token, 'reopen', job.state, 'queued', retry_job.reason);
    PERFORM pg_notify('webex_connector', job.queue);
    RETURN 'queued';
END $$

-- function _boost(text,integer): Internal: what a priority is worth in a queue, in microseconds
CREATE FUNCTION :schema._boost(queue text, priority integer) RETURNS bigint LANGUAGE sql STABLE
    SET search_path = :schema, pg_catalog, pg_temp AS $$
    SELECT round(_boost.priority * 1000000 * coalesce(
        (SELECT q.ageing_step FROM queues q WHERE q.queue = _boost.queue), 60))::bigint
$$

-- function prioritise_job(uuid,integer,text): Give an action another priority; larger runs sooner
CREATE FUNCTION :schema.prioritise_job(token uuid, priority integer, reason text DEFAULT NULL)
    RETURNS text LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = :schema, pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    job jobs := _lock_job(prioritise_job.token);
    place bigint;
    its_time bigint := extract(epoch FROM job.run_at) * 1000000;
BEGIN
    IF job.state NOT IN ('queued', 'running', 'paused') THEN
        PERFORM _refuse('reprioritise', job.token, job.state);
    ELSIF job.priority = prioritise_job.priority THEN
        RETURN job.state;
    END IF;
    place := job.rank - _boost(job.queue, prioritise_job.priority - job.priority);
    -- A delayed action is never ranked before its time.
    IF job.run_at > now() AND place < its_time THEN
        place := its_time;
    END IF;
    UPDATE jobs j SET priority = prioritise_job.priority, rank = place,
        changed_by = concat('sql ', session_user, ' reprioritise ', prioritise_job.priority)
        WHERE j.token = job.token;
    PERFORM _record(job.token, 'reprioritise', NULL, NULL,
        concat_ws(': ', 'priority ' || prioritise_job.priority, prioritise_job.reason));
    PERFORM pg_notify('webex_connector', job.queue);
    RETURN job.state;
END $$

-- function _known_queue(text): Internal: refuse a queue that is not there
CREATE FUNCTION :schema._known_queue(queue text) RETURNS void LANGUAGE plpgsql
    SET search_path = :schema, pg_catalog, pg_temp AS $$
DECLARE
    known text := (SELECT string_agg(q.queue, ', ' ORDER BY q.queue) FROM queues q);
BEGIN
    IF NOT EXISTS (SELECT FROM queues q WHERE q.queue = _known_queue.queue) THEN
        RAISE EXCEPTION USING ERRCODE = 'no_data_found', MESSAGE = concat('there is no queue ',
            _known_queue.queue, '; there is ',
            coalesce(known, 'none yet: a queue is there once a worker has served it'));
    END IF;
END $$

-- function pause_queue(text,text): Have nothing of a queue claimed until resume_queue; runs go on
CREATE FUNCTION :schema.pause_queue(queue text, reason text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = :schema, pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    PERFORM _known_queue(pause_queue.queue);
    UPDATE queues q SET paused = true, changed_at = now(), changed_by = 'sql ' || session_user,
        reason = pause_queue.reason WHERE q.queue = pause_queue.queue;
END $$

-- function resume_queue(text,text): Have a queue's actions claimed again
CREATE FUNCTION :schema.resume_queue(queue text, reason text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = :schema, pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    PERFORM _known_queue(resume_queue.queue);
    UPDATE queues q SET paused = false, changed_at = now(), changed_by = 'sql ' || session_user,
        reason = resume_queue.reason WHERE q.queue = resume_queue.queue;
    PERFORM pg_notify('webex_connector', resume_queue.queue);
END $$

-- function limit_queue(text,integer,text): Let at most so many run in the whole cluster; null: any
CREATE FUNCTION :schema.limit_queue(queue text, most integer, reason text DEFAULT NULL)
    RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = :schema, pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    IF limit_queue.most < 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = concat(
            'a limit is 1 or more, not ', limit_queue.most, '; to let nothing run, pause the queue');
    END IF;
    PERFORM _known_queue(limit_queue.queue);
    UPDATE queues q SET max_running = limit_queue.most, changed_at = now(),
        changed_by = 'sql ' || session_user, reason = limit_queue.reason
        WHERE q.queue = limit_queue.queue;
    PERFORM pg_notify('webex_connector', limit_queue.queue);
END $$

-- function drain_host(text,text): Have a host's workers claim nothing until undrain_host; runs go on
CREATE FUNCTION :schema.drain_host(host text, reason text DEFAULT NULL) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path = :schema, pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
    INSERT INTO drained_hosts (host, drained_at, drained_by, reason)
    VALUES (drain_host.host, now(), 'sql ' || session_user, drain_host.reason)
    ON CONFLICT DO NOTHING
$$

-- function undrain_host(text): Have a drained host's workers claim again. False: it was not drained
CREATE FUNCTION :schema.undrain_host(host text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = :schema, pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    DELETE FROM drained_hosts d WHERE d.host = undrain_host.host;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM pg_notify('webex_connector', '');
    RETURN true;
END $$

-- function restored(text): Make a restored copy safe: queues paused, no worker left, its own name
CREATE FUNCTION :schema.restored(environment text DEFAULT NULL)
    RETURNS TABLE (token uuid, queue text, state text, attempt bigint, queued_at timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = :schema, pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_column
DECLARE
    alive text := (SELECT min(concat(w.host, ', pid ', w.pid)) FROM workers w
        WHERE w.beat_at > now() - make_interval(secs => 2 * coalesce(w.lease_seconds, 15)));
BEGIN
    IF alive IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_in_use', MESSAGE = concat('a worker beats on this ',
            'database (', alive, '), so it is in use and no restored copy'),
            HINT = 'End its servers first.';
    END IF;
    INSERT INTO queues (queue, paused, changed_at, changed_by)
        SELECT DISTINCT j.queue, true, now(), 'sql ' || session_user FROM jobs j
        WHERE j.ended_at IS NULL ON CONFLICT DO NOTHING;
    UPDATE queues SET paused = true, changed_at = now(), changed_by = 'sql ' || session_user,
        reason = 'restored';
    DELETE FROM workers;
    UPDATE schema_info SET environment = nullif(restored.environment, '');
    RETURN QUERY SELECT j.token, j.queue, j.state, j.attempt, j.queued_at FROM jobs j
        WHERE j.ended_at IS NULL ORDER BY j.token;
END $$

-- function why(uuid): What an action is doing or waits for, in a sentence, and what changes it
CREATE FUNCTION :schema.why(token uuid) RETURNS TABLE (explanation text, remedy text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = :schema, pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT s.explanation, s.remedy FROM job_status s WHERE s.token = why.token;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'no_data_found',
            MESSAGE = concat('no action has the token ', why.token);
    END IF;
END $$

-- function grant_rights(): Give each role named after the schema (as in SCHEMA_http) what it needs
CREATE FUNCTION :schema.grant_rights() RETURNS SETOF text LANGUAGE plpgsql
    SET search_path = :schema, pg_catalog, pg_temp AS $$
DECLARE
    here text := current_schema();
    role record;
    rights text;
    -- What the verbs of clients and operators change: never the fence, nor what was sent.
    asked text := 'state, requested, requested_at, requested_by, requested_reason, priority, '
        'run_at, rank, failures, losses, worker_id, result, error, changed_by, ended_at';
BEGIN
    FOR role IN
        SELECT r.rolname, kind FROM unnest(ARRAY['http', 'worker', 'slot', 'operator', 'reader'])
            kind JOIN pg_roles r ON r.rolname = here || '_' || kind
    LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', here, role.rolname);
        FOREACH rights IN ARRAY CASE role.kind
            -- Stores actions, answers for them, and passes on what clients ask of them.
            WHEN 'http' THEN ARRAY[
                'SELECT, INSERT ON jobs', format('UPDATE (%s) ON jobs', asked),
                'SELECT ON job_progress',
                'SELECT, INSERT ON job_events', 'USAGE ON SEQUENCE job_events_id_seq',
                'SELECT ON queues', 'SELECT ON workers',
                'SELECT ON schema_info', 'SELECT ON job_status']
            -- Claims, records, rescues, removes what is old. What hangs on a job goes with it.
            WHEN 'worker' THEN ARRAY[
                'SELECT, INSERT, UPDATE, DELETE ON jobs',
                'SELECT, INSERT, UPDATE, DELETE ON job_progress',
                'SELECT, INSERT, DELETE ON job_events', 'USAGE ON SEQUENCE job_events_id_seq',
                'SELECT, INSERT, DELETE ON job_tasks',
                'SELECT, INSERT, UPDATE, DELETE ON workers', 'SELECT, INSERT, UPDATE ON queues',
                'SELECT ON drained_hosts', 'SELECT ON schema_info']
            -- What a task has delivered. Of jobs it locks a row while it looks: the token, which
            -- the guard never lets change, stands for the right to do so.
            WHEN 'slot' THEN ARRAY[
                'SELECT, UPDATE (token) ON jobs', 'SELECT ON schema_info',
                'SELECT, INSERT, UPDATE, DELETE ON tasks',
                'SELECT, INSERT, UPDATE, DELETE ON task_rooms',
                'SELECT, INSERT, UPDATE, DELETE ON task_items']
            WHEN 'operator' THEN ARRAY[
                'SELECT ON ALL TABLES IN SCHEMA ' || quote_ident(here),
                format('UPDATE (%s) ON jobs', asked), 'INSERT ON job_events', 'USAGE ON SEQUENCE job_events_id_seq',
                'INSERT, UPDATE ON queues',
                'INSERT, DELETE ON drained_hosts', 'DELETE ON workers',
                'UPDATE (environment) ON schema_info',
                'EXECUTE ON ALL FUNCTIONS IN SCHEMA ' || quote_ident(here)]
            ELSE ARRAY[
                'SELECT ON ALL TABLES IN SCHEMA ' || quote_ident(here),
                'EXECUTE ON FUNCTION why']
        END LOOP
            EXECUTE format('GRANT %s TO %I', rights, role.rolname);
            RETURN NEXT format('GRANT %s TO %I', rights, role.rolname);
        END LOOP;
    END LOOP;
END $$
