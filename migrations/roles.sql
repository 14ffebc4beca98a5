-- The roles of Webex Connector on PostgreSQL. Run by a superuser, once; again does no harm.
-- `webex-connector roles` fills in schema and database. Passwords are set apart, as in: \password

DO $$
DECLARE
    kind text;
BEGIN
    FOREACH kind IN ARRAY ARRAY['owner', 'http', 'worker', 'slot', 'operator', 'reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ':schema_' || kind) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', ':schema_' || kind);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', ':database', ':schema_' || kind);
    END LOOP;
END $$;

-- Owns the tables and alone may change them: webex-connector migrate. Its right to make a schema is
-- for `webex-connector doctor`, which compares with a fresh one. A migration may take long, but
-- waits for nobody's lock for long.
CREATE SCHEMA IF NOT EXISTS ":schema" AUTHORIZATION ":schema_owner";
ALTER SCHEMA ":schema" OWNER TO ":schema_owner";
GRANT CREATE ON DATABASE ":database" TO ":schema_owner";
ALTER ROLE ":schema_owner" SET lock_timeout = '5s';
ALTER ROLE ":schema_owner" SET idle_in_transaction_session_timeout = '60s';

-- Short statements. The programs say the same for each session; this holds for whoever else logs in.
ALTER ROLE ":schema_http" SET statement_timeout = '5s';
ALTER ROLE ":schema_http" SET lock_timeout = '500ms';
ALTER ROLE ":schema_http" SET idle_in_transaction_session_timeout = '5s';
ALTER ROLE ":schema_worker" SET statement_timeout = '5s';
ALTER ROLE ":schema_worker" SET lock_timeout = '500ms';
ALTER ROLE ":schema_worker" SET idle_in_transaction_session_timeout = '5s';
ALTER ROLE ":schema_slot" SET statement_timeout = '5s';
ALTER ROLE ":schema_slot" SET lock_timeout = '500ms';
ALTER ROLE ":schema_slot" SET idle_in_transaction_session_timeout = '5s';

-- People. A transaction they forget is ended before old row versions pile up behind it.
ALTER ROLE ":schema_operator" SET statement_timeout = '60s';
ALTER ROLE ":schema_operator" SET lock_timeout = '5s';
ALTER ROLE ":schema_operator" SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE ":schema_reader" SET statement_timeout = '60s';
ALTER ROLE ":schema_reader" SET lock_timeout = '1s';
ALTER ROLE ":schema_reader" SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE ":schema_reader" SET default_transaction_read_only = 'on';
-- To see who holds a lock, and to end that session.
GRANT pg_read_all_stats TO ":schema_operator", ":schema_reader";
GRANT pg_signal_backend TO ":schema_operator";

-- What each may do is granted by every migration; here if the tables are there already.
DO $$
BEGIN
    IF to_regprocedure('":schema".grant_rights()') IS NOT NULL THEN
        PERFORM ":schema".grant_rights();
    END IF;
END $$;
