"""What may be wrong with a PostgreSQL server: how it is found, what to say, what to do."""

TROUBLES = (
    (
        "SELECT pid, usename, application_name, "
        "round(extract(epoch FROM now() - xact_start)) AS seconds FROM pg_stat_activity "
        "WHERE backend_xmin IS NOT NULL AND xact_start < now() - interval '10 minutes' "
        "AND datname = current_database()",
        "pid {pid} ({usename}, {application_name}) has held a snapshot for {seconds} s: dead rows "
        "cannot be removed meanwhile",
        "end it: SELECT pg_terminate_backend({pid})",
    ),
    (
        "SELECT gid, round(extract(epoch FROM now() - prepared)) AS seconds "
        "FROM pg_prepared_xacts WHERE prepared < now() - interval '10 minutes' "
        "AND database = current_database()",
        "the prepared transaction {gid} is {seconds} s old: dead rows cannot be removed meanwhile",
        "end it: ROLLBACK PREPARED '{gid}'",
    ),
    (
        "SELECT slot_name, age(xmin) AS age FROM pg_replication_slots "
        "WHERE NOT active AND xmin IS NOT NULL AND age(xmin) > 100000",
        "the unused replication slot {slot_name} holds rows {age} transactions back",
        "SELECT pg_drop_replication_slot('{slot_name}'), if nobody wants it any more",
    ),
    (
        "SELECT relname, n_dead_tup, n_live_tup FROM pg_stat_user_tables "
        "WHERE schemaname = :name AND n_dead_tup > 10000 AND n_dead_tup > n_live_tup",
        "{relname} has {n_dead_tup} dead rows beside {n_live_tup} live ones",
        "VACUUM {relname}; see docs/dba.md for the settings of autovacuum",
    ),
    (
        "SELECT c.relname FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid "
        "WHERE NOT x.indisvalid AND c.relnamespace = CAST(:oid AS regnamespace)",
        "the index {relname} is not valid: building it was broken off",
        "webex-connector migrate, or REINDEX INDEX CONCURRENTLY {relname}",
    ),
    (
        "SELECT name FROM (SELECT unnest(string_to_array("
        "current_setting('synchronous_standby_names'), ',')) AS name) n "
        "WHERE current_setting('synchronous_commit') <> 'off' AND NOT EXISTS "
        "(SELECT FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')) LIMIT 1",
        "synchronous_standby_names is set, and no synchronous standby is connected: commits wait",
        "start a standby, or empty synchronous_standby_names knowingly",
    ),
    (
        "SELECT application_name, coalesce(host(client_addr), 'this host') AS at "
        "FROM pg_stat_replication WHERE state = 'streaming' AND NOT EXISTS "
        "(SELECT FROM pg_replication_slots WHERE active_pid = pid AND slot_type = 'logical') "
        "AND NOT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')) "
        "AND current_setting('synchronous_standby_names') = ''",
        "the standby {application_name} at {at} is asynchronous, and none is synchronous: a "
        "fail-over may lose actions that were accepted",
        "name it in synchronous_standby_names, unless that risk is wanted",
    ),
    (
        "SELECT w.host, w.pid FROM {schema}.workers w WHERE w.started_at < now() - interval '15 s' "
        "AND w.beat_at > now() - interval '15 s' AND NOT EXISTS (SELECT FROM pg_stat_activity a "
        "WHERE a.application_name = left(concat('listener/', w.host, '/', w.pid), 63))",
        "the worker {pid} on {host} is deaf: it has no connection that hears of new actions, and "
        "looks for them every second",
        "behind a pooler set [Database] DirectURL; else see that worker's log",
    ),
)
"""Query, problem and remedy, with the query's columns in them."""
