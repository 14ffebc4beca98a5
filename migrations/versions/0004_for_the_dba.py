"""What DBAs work with: views, functions for every verb, rights of roles, comments on indexes."""

import sqlalchemy as sa
from alembic import op

from connector.db.dialects.ddl import announce
from connector.db.dialects.scripts import (
    create_functions,
    create_views,
    drop_functions,
    drop_views,
    run,
)

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

schema = op.get_context().version_table_schema
engine = op.get_context().dialect.name

_LOCK = (
    "FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid "
    "WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted "
    "AND l.transactionid = {0}"
)
WORDS = {
    "postgresql": {
        "false": "false",
        "now": "now()",
        "day_ago": "now() - interval '1 day'",
        "rank": "rank",
        "age": "CAST(extract(epoch FROM now() - {0}) AS bigint)",
        "seconds": "CAST(extract(epoch FROM {1} - {0}) AS double precision)",
        "utc": "to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')",
        "open_jobs": "jobs {0}",
        "serves": "(({0} -> 'queues') ? {1})",
        "knows": "(({0} -> 'tasks') @> to_jsonb(string_to_array({1}, ',')))",
        "listed": "strpos(',' || {0} || ',', ',' || {1} || ',') > 0",
        "locked_in": "{0}.xmax",
        "is_locked": f"EXISTS (SELECT {_LOCK.format('{0}.xmax')})",
        "locker": "coalesce((SELECT coalesce(nullif(a.application_name, ''), 'a session') || "
        "', pid ' || l.pid || coalesce(', user ' || a.usename, '') || "
        "coalesce(', for ' || CAST(extract(epoch FROM now() - a.xact_start) AS bigint) || ' s', "
        f"'') {_LOCK} LIMIT 1), 'a session that has ended')",
        "end_locker": f"coalesce((SELECT 'SELECT pg_terminate_backend(' || l.pid || ')' {_LOCK} "
        "LIMIT 1), 'nothing to do')",
    },
    # Who has locked a row cannot be asked where nobody waits for it.
    "mariadb": {
        "false": "FALSE",
        "now": "UTC_TIMESTAMP(6)",
        "day_ago": "UTC_TIMESTAMP(6) - INTERVAL 1 DAY",
        "rank": "`rank`",
        "age": "TIMESTAMPDIFF(SECOND, {0}, UTC_TIMESTAMP(6))",
        "seconds": "(TIMESTAMPDIFF(MICROSECOND, {0}, {1}) / 1000000)",
        "utc": "CAST({0} AS DATETIME)",
        "open_jobs": "jobs {0} FORCE INDEX (jobs_open)",
        "serves": "JSON_CONTAINS_PATH({0}, 'one', CONCAT('$.queues.\"', {1}, '\"'))",
        "knows": "JSON_CONTAINS({0}, CONCAT('[', REPLACE(JSON_QUOTE({1}), ',', '\",\"'), ']'), "
        "'$.tasks')",
        "listed": "INSTR(CONCAT(',', {0}, ','), CONCAT(',', {1}, ',')) > 0",
        "locked_in": "NULL",
        "is_locked": "FALSE",
        "locker": "'another session'",
        "end_locker": "'SELECT * FROM information_schema.INNODB_TRX'",
    },
    "sqlite": {
        "false": "0",
        "now": "strftime('%Y-%m-%d %H:%M:%f000', 'now')",
        "day_ago": "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-1 day')",
        "rank": '"rank"',
        "age": "CAST((julianday('now') - julianday({0})) * 86400 AS INTEGER)",
        "seconds": "((julianday({1}) - julianday({0})) * 86400.0)",
        "utc": "substr({0}, 1, 19)",
        "open_jobs": "jobs {0}",
        "serves": "EXISTS (SELECT 1 FROM json_each({0}, '$.queues') k WHERE k.key = {1})",
        "knows": "NOT EXISTS (SELECT 1 FROM "
        "json_each('[' || replace(json_quote({1}), ',', '\",\"') || ']') wanted "
        "WHERE wanted.value NOT IN (SELECT known.value FROM json_each({0}, '$.tasks') known))",
        "listed": "instr(',' || {0} || ',', ',' || {1} || ',') > 0",
        "locked_in": "NULL",
        "is_locked": "0",
        "locker": "'another process'",
        "end_locker": "'nothing to do'",
    },
}
"""What stands for each word with @ in views/0004.sql."""

KEYS = "job_events job_progress job_tasks job_transitions jobs queues schema_info task_items"
KEYS += " task_rooms tasks workers drained_hosts"

INDEXES = {
    "jobs_open": ("jobs", "state, queue, rank, token", "what is not final: claim, counts, rescue"),
    "jobs_tasks": (
        "jobs",
        "state, queue, task_key, rank, token",
        "waiting jobs of each set of tasks: claims of queues that work on tasks",
    ),
    "jobs_ended": ("jobs", "state, ended_at, token", "final jobs by time: removal, looking back"),
    "job_tasks_token": ("job_tasks", "token", "the tasks a job has begun: let go when it ends"),
    "job_events_token": ("job_events", "token, id", "the trail of a job, in order"),
    "task_items_room": (
        "task_items",
        "task, room_id, created",
        "the documents of a room by time: finds what was edited or deleted",
    ),
}
"""Index: its table, columns, and what it is for."""


VACUUM = {
    # A fifth of the table, the default, would be hundreds of thousands of dead rows.
    "jobs": "autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, "
    "autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 1000",
    # Few rows that change often: by number, not by part.
    "job_progress": "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000",
    "job_tasks": "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000",
    "workers": "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200",
}
"""When autovacuum comes to each table."""


def upgrade() -> None:
    if engine == "mariadb":
        announce("0004 builds six indexes anew with their comments: writers go on meanwhile")
        for name, (table, columns, comment) in INDEXES.items():
            listed = ", ".join(f"`{column}`" for column in columns.split(", "))
            run(
                f"ALTER TABLE {table} DROP INDEX {name}, "
                f"ADD INDEX {name} ({listed}) COMMENT '{comment}'"
            )
    else:
        announce("0004 adds views and functions, and locks no table")
    if engine == "postgresql":
        for name, (_, _, comment) in INDEXES.items():
            run(f"COMMENT ON INDEX :schema.{name} IS '{comment}'")
        for table in KEYS.split():
            run(f"COMMENT ON INDEX :schema.{table}_pkey IS 'the key of {table}'")
        for table, settings in VACUUM.items():
            run(f"ALTER TABLE :schema.{table} SET ({settings})")
        # It writes the trail of whoever changes a job, also of those who may not write there.
        run("ALTER FUNCTION :schema.guard_job() SECURITY DEFINER")
        run("REVOKE ALL ON FUNCTION :schema.guard_job() FROM PUBLIC")
        told = "Refuses what job_transitions does not allow, and tells of changes by hand"
        run(f"COMMENT ON FUNCTION :schema.guard_job() IS '{told}'")
    create_views("0004", WORDS[engine])
    if engine == "postgresql":
        create_functions("0004")
        run("SELECT :schema.grant_rights()")
    op.execute(_info().update().values(version=4))


def downgrade() -> None:
    announce("0004 removes views and functions, and locks no table")
    op.execute(_info().update().values(version=3))
    if engine == "postgresql":
        drop_functions("0004")
        for table, settings in VACUUM.items():
            names = ", ".join(part.split(" = ")[0] for part in settings.split(", "))
            run(f"ALTER TABLE :schema.{table} RESET ({names})")
        run("ALTER FUNCTION :schema.guard_job() SECURITY INVOKER")
        run("GRANT EXECUTE ON FUNCTION :schema.guard_job() TO PUBLIC")
    drop_views("0004")


def _info() -> sa.TableClause:
    return sa.table("schema_info", sa.column("version", sa.Integer), schema=schema)
