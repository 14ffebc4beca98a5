"""PostgreSQL: sessions that never hang, and news by NOTIFY."""

import contextlib
import math
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ColumnElement

from connector.db.dialects.base import Beside, Dialect, Pooler, Waits, Wake
from connector.db.dialects.listener import CHANNEL, Listener
from connector.db.errors import Migrating

NETWORK = {
    "tcp_user_timeout": 5000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
}
"""How soon a connection whose other end has gone silent is given up: milliseconds and seconds."""

LOCKED = "55P03"  # lock not available within lock_timeout
READ_ONLY = "25006"  # cannot write in a read-only transaction

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

REPEAT = {
    "40001",  # serialization failure
    "40P01",  # deadlock detected
}

ONE_AT_A_TIME = sa.text("SELECT pg_advisory_xact_lock(hashtext(:name))")
RAISE = sa.text(
    "SELECT setval(CAST(:name AS regclass), :upto) "
    "WHERE coalesce(pg_sequence_last_value(CAST(:name AS regclass)), 0) < :upto"
)
WRITING = sa.text(
    "SELECT virtualtransaction FROM pg_locks JOIN pg_database d ON d.oid = database "
    "WHERE locktype = 'relation' AND relation = CAST(CAST(:name AS regclass) AS oid) "
    "AND mode = 'RowExclusiveLock' AND granted AND d.datname = current_database()"
)


class PostgreSQL(Dialect):
    """PostgreSQL 14 or later through psycopg 3."""

    name = "postgresql"
    server_side_schema = has_roles = listens = True
    snapshot_level = "REPEATABLE READ"
    _pooler: Pooler | None = None
    _each_time = ""
    _place = ""
    """Host and process that connect."""

    def url(self, url: sa.URL) -> sa.URL:
        """Return the URL with psycopg 3 as the driver."""
        return url.set(drivername="postgresql+psycopg")

    def engine_options(
        self, url: sa.URL, application: str, waits: Waits, pooler: Pooler | None
    ) -> dict[str, Any]:
        """Return engine options: time-outs for every wait, and READ COMMITTED said aloud.

        Behind a pooler no session is ours: there they are said anew in each transaction.
        """
        # A lock or a statement that takes longer is given up, so that no loop of ours stands still
        # longer than a lease allows; a transaction left open by a frozen process is ended.
        session = {
            "lock_timeout": f"{waits.lock_ms}ms",
            "statement_timeout": f"{round(waits.statement_seconds * 1000)}ms",
            "idle_in_transaction_session_timeout": f"{round(waits.hold_seconds * 1000)}ms",
            "timezone": "UTC",
        }
        self._pooler = pooler
        self.listens = pooler is None or bool(pooler.direct_url)
        self._place = application.partition("/")[2]
        self._each_time = "; ".join(f"SET LOCAL {name} = '{session[name]}'" for name in session)
        arguments: dict[str, Any] = {
            "application_name": application,
            "connect_timeout": max(2, math.ceil(waits.connect_seconds)),
            **NETWORK,
        }
        if pooler:
            arguments["prepare_threshold"] = None
        else:
            arguments["options"] = " ".join(f"-c {name}={session[name]}" for name in session)
        return {
            "isolation_level": "READ COMMITTED",
            "pool_timeout": waits.connect_seconds,
            "connect_args": arguments,
        }

    @contextlib.contextmanager
    def turn(self, connection: sa.Connection, *, write: bool) -> Iterator[None]:
        """Open and end one transaction; behind a pooler its time-outs are set first."""
        with connection.begin():
            if self._pooler:
                connection.exec_driver_sql(self._each_time)
            yield

    @contextlib.contextmanager
    def alone(self, connection: sa.Connection) -> Iterator[None]:
        """Hold an advisory lock of the session, named after the schema."""
        name = connection.get_execution_options()["schema_translate_map"][None]
        key = zlib.crc32(f"webex-connector migrate {name}".encode())
        if not connection.execute(sa.select(sa.func.pg_try_advisory_lock(key))).scalar():
            raise Migrating
        connection.commit()
        try:
            yield
        finally:
            with contextlib.suppress(DBAPIError):  # with the session the lock is gone as well
                connection.rollback()
                connection.execute(sa.select(sa.func.pg_advisory_unlock(key)))
                connection.commit()

    def beside(self, url: sa.URL, name: str, folder: Path) -> Beside:
        """Return a schema of its own in the same database; the migrations make it."""
        return Beside(url, f"SCHEMA {name}", " CASCADE")

    def troubles(self, engine: sa.Engine, schema: str | None) -> Iterator[tuple[str, str]]:
        """Yield old snapshots, bloat, a standby that is missing, workers that hear no news."""
        with engine.connect() as connection:
            for query, problem, remedy in TROUBLES:
                text = sa.text(query.replace("{schema}", f'"{schema}"'))
                for row in connection.execute(text, {"oid": schema, "name": schema}):
                    facts = row._mapping
                    yield problem.format(**facts), remedy.format(**facts)

    def connections_allowed(self, connection: sa.Connection) -> int | None:
        """Return max_connections less those reserved, or the limit of the database if smaller."""
        allowed: int = connection.exec_driver_sql(
            "SELECT least(current_setting('max_connections')::int "
            "- current_setting('superuser_reserved_connections')::int "
            "- coalesce(current_setting('reserved_connections', true)::int, 0), "
            "nullif(datconnlimit, -1)) FROM pg_database WHERE datname = current_database()"
        ).scalar_one()
        return allowed

    def connections_of_login(self, connection: sa.Connection) -> int | None:
        """Return the role's CONNECTION LIMIT, which does not hold for superusers."""
        allowed: int | None = connection.exec_driver_sql(
            "SELECT nullif(rolconnlimit, -1) FROM pg_roles "
            "WHERE rolname = session_user AND NOT rolsuper"
        ).scalar_one_or_none()
        return allowed

    def create_schema(self, schema: str | None) -> str | None:
        """Return CREATE SCHEMA IF NOT EXISTS."""
        return f'CREATE SCHEMA IF NOT EXISTS "{schema}"'

    def micros(self, moment: ColumnElement[datetime]) -> ColumnElement[int]:
        """Return microseconds since 1970, exact."""
        return sa.cast(sa.func.extract("epoch", moment) * 1_000_000, sa.BigInteger())

    def insert_new(self, table: sa.Table) -> sa.Insert:
        """Return INSERT … ON CONFLICT DO NOTHING."""
        return insert(table).on_conflict_do_nothing()

    def insert_new_rows(
        self,
        connection: sa.Connection,
        table: sa.Table,
        rows: Sequence[Mapping[str, Any]],
        shared: Mapping[str, ColumnElement[Any]],
    ) -> None:
        """Insert rows that travel as one JSON text: a third of the time that many values take."""
        columns = [sa.column(name, table.c[name].type) for name in rows[0]]
        sent = sa.func.json_to_recordset(sa.bindparam("rows", type_=sa.JSON))
        given = sent.table_valued(*columns, name="given").render_derived(with_types=True)
        query = sa.select(*given.c, *shared.values())
        statement = self.insert_new(table).from_select([*rows[0], *shared], query)
        connection.execute(statement, {"rows": list(rows)})

    def is_transient(self, error: DBAPIError) -> bool:
        """Say whether the transaction lost against another one."""
        return getattr(error.orig, "sqlstate", None) in REPEAT

    def is_locked(self, error: DBAPIError) -> bool:
        """Say whether a row or table stayed locked for the whole lock_timeout."""
        return getattr(error.orig, "sqlstate", None) == LOCKED

    def is_stale(self, error: DBAPIError) -> bool:
        """Say whether the server has become read-only: a standby, or about to be one."""
        return getattr(error.orig, "sqlstate", None) == READ_ONLY

    def is_unavailable(self, error: DBAPIError) -> bool:
        """Say whether the server is out of reach, or refuses work for now."""
        return self.is_stale(error) or super().is_unavailable(error)

    def announce(self, connection: sa.Connection, schema: str | None, moment: datetime) -> None:
        """Set the sequence counted_upto, which everybody sees at once, to milliseconds since 1970.

        It never goes back.
        """
        told = {"name": f'"{schema}".counted_upto', "upto": round(moment.timestamp() * 1000)}
        connection.execute(ONE_AT_A_TIME, told)
        connection.execute(RAISE, told)

    def writing(self, connection: sa.Connection, schema: str | None) -> frozenset[str]:
        """Return who holds the lock on jobs that every INSERT, UPDATE and DELETE takes."""
        rows = connection.execute(WRITING, {"name": f'"{schema}".jobs'})
        return frozenset(rows.scalars())

    def notify(self, engine: sa.Engine, queues: Collection[str]) -> None:
        """Send one notification a queue, by one statement that is its own transaction."""
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            told = [sa.func.pg_notify(CHANNEL, queue) for queue in sorted(queues)]
            connection.execute(sa.select(*told))

    def wake(self, engine: sa.Engine) -> Wake:
        """Return a wake that listens on a connection of its own, if one can be had."""
        if self._pooler is None:
            return Listener(engine, engine.url, self._place)
        if self._pooler.direct_url:
            return Listener(engine, self.url(sa.make_url(self._pooler.direct_url)), self._place)
        return super().wake(engine)
