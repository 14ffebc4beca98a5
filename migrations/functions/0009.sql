-- What revision 0009 changes: the rights of roles speak of its tables too.

-- function grant_rights(): Give each role named after the schema (as in SCHEMA_http) what it needs
CREATE OR REPLACE FUNCTION :schema.grant_rights() RETURNS SETOF text LANGUAGE plpgsql
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
                'SELECT ON job_progress', 'SELECT ON job_results',
                'SELECT, INSERT ON job_events', 'USAGE ON SEQUENCE job_events_id_seq',
                'SELECT, INSERT ON queues',
                'UPDATE (paused, changed_at, changed_by, reason) ON queues', 'SELECT ON workers',
                'SELECT ON schema_info', 'SELECT ON job_status', 'SELECT ON api_keys',
                'SELECT, INSERT ON idempotency_keys', 'SELECT ON job_tasks',
                'SELECT ON ended_counts', 'SELECT ON ended_late',
                'SELECT ON stored_counts', 'SELECT ON stored_late',
                'SELECT, INSERT ON outbox', 'USAGE ON SEQUENCE outbox_id_seq',
                'SELECT, INSERT, UPDATE ON queue_levels']
            -- Claims, records, rescues, removes what is old. What hangs on a job goes with it.
            WHEN 'worker' THEN ARRAY[
                'SELECT, INSERT, UPDATE, DELETE ON jobs',
                'SELECT, INSERT, UPDATE, DELETE ON job_progress',
                'SELECT, INSERT, DELETE ON job_results',
                'SELECT, INSERT, DELETE ON job_events', 'USAGE ON SEQUENCE job_events_id_seq',
                'SELECT, INSERT, DELETE ON job_tasks',
                'SELECT, INSERT, UPDATE, DELETE ON workers', 'SELECT, INSERT, UPDATE ON queues',
                'SELECT, DELETE ON idempotency_keys', 'SELECT, INSERT, UPDATE ON ended_counts',
                'SELECT, INSERT, UPDATE ON stored_counts', 'SELECT, DELETE ON ended_late',
                'SELECT, DELETE ON stored_late', 'UPDATE ON SEQUENCE counted_upto',
                'SELECT, INSERT, UPDATE, DELETE ON schedules',
                'SELECT, INSERT, UPDATE, DELETE ON outbox', 'USAGE ON SEQUENCE outbox_id_seq',
                'SELECT, INSERT, UPDATE ON queue_levels',
                'SELECT ON drained_hosts', 'SELECT ON schema_info',
                'UPDATE (secret_keys) ON schema_info']
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
                'UPDATE (due_at, asked_by, changed_at, changed_by) ON schedules',
                'INSERT, UPDATE (attempts, next_at, given_up_at) ON outbox',
                'USAGE ON SEQUENCE outbox_id_seq',
                'INSERT, DELETE ON drained_hosts', 'DELETE ON workers',
                'UPDATE (environment, secret_keys) ON schema_info',
                'INSERT, UPDATE (revoked_at, revoked_by) ON api_keys',
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
