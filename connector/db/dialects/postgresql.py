"""PostgreSQL: sessions that never hang, and news by NOTIFY."""

import contextlib
import math
import select
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.types.string import TextLoader
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql import ColumnElement

from connector.db.dialects.base import Beside, Dialect, Pooler, Waits, Wake
from connector.db.dialects.listener import Listener, tell
from connector.db.dialects.postgresql_rows import insert_rows
from connector.db.dialects.troubles import TROUBLES
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

REPEAT = {"40001", "40P01"}  # serialization failure, deadlock detected

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


NOW: ColumnElement[datetime] = sa.func.now()


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

    def prepare(self, engine: sa.Engine) -> None:
        """Have each connection return a uuid as the text that we want, and not as an object."""

        @sa.event.listens_for(engine, "connect")
        def on_connect(raw: psycopg.Connection[Any], record: ConnectionPoolEntry) -> None:
            raw.adapters.register_loader("uuid", TextLoader)

    @contextlib.contextmanager
    def turn(
        self, connection: sa.Connection, *, write: bool, alone: bool = False
    ) -> Iterator[None]:
        """Open and end one transaction; behind a pooler its time-outs are set first.

        A statement alone is a transaction by itself: that saves two of three round trips.
        """
        if alone and not self._pooler:
            if write:
                # Of a statement whose answer does not come nobody knows whether it counts. So a
                # connection that was closed while it stood idle must be seen to be so before.
                raw: Any = connection.connection.dbapi_connection
                poll = select.poll()  # select() knows no descriptor beyond 1023
                poll.register(raw, select.POLLIN)
                if poll.poll(0):
                    connection.invalidate()
            connection.execution_options(isolation_level="AUTOCOMMIT")
            yield
            return
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

    def now(self) -> ColumnElement[datetime]:
        """Return the server's clock, always the same object, for statements that are built once."""
        return NOW

    def micros(self, moment: ColumnElement[datetime], less: int = 0) -> ColumnElement[int]:
        """Return microseconds since 1970, exact."""
        return _micros(moment, less)

    def insert_new(self, table: sa.Table) -> sa.Insert:
        """Return INSERT … ON CONFLICT DO NOTHING."""
        return insert(table).on_conflict_do_nothing()

    def insert_new_rows(
        self,
        connection: sa.Connection,
        table: sa.Table,
        rows: Sequence[Mapping[str, Any]],
        shared: Mapping[str, ColumnElement[Any]],
        news: Sequence[sa.Column[Any]] = (),
    ) -> None:
        """Insert rows that travel as one JSON text, or very many by COPY."""
        insert_rows(connection, table, rows, shared, news)

    def changing(
        self,
        table: sa.Table,
        chosen: ColumnElement[bool] | sa.Select[Any],
        values: Mapping[str, Any],
        returning: Sequence[ColumnElement[Any]],
    ) -> sa.UpdateBase:
        """Return the statement; rows that a SELECT locks are found again by where they lie.

        One that moved before it was locked is not found: it is as if it had been passed over.
        """
        if isinstance(chosen, sa.Select):
            place: ColumnElement[Any] = sa.literal_column("ctid")
            places = sa.func.array(chosen.with_only_columns(place).scalar_subquery())
            chosen = place == sa.any_(places)
        return super().changing(table, chosen, values, returning)

    def among(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        """Return = ANY(array): one text to send, and one statement for any number of keys."""
        texts = sa.func.string_to_array(sa.bindparam(name, type_=sa.Text), ",")
        return column == sa.any_(sa.cast(texts, ARRAY(column.type)))

    def listed(self, values: Collection[str]) -> Any:
        """Return one text."""
        return ",".join(values)

    def together(
        self, documents: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[tuple[list[str], Mapping[str, Any], bool]]:
        """Yield all keys at once: unlike documents are looked up in one that holds them all.

        Joined to a list of rows instead, the planner would expect one row of it behind the other
        conditions, and go through the list for each row of the table.
        """
        alike = list(super().together(documents))
        yield from alike if len(alike) <= 1 else [(list(documents), documents, True)]

    def own_of(self, key: ColumnElement[str], name: str) -> ColumnElement[Any]:
        """Return what stands under the key."""
        return sa.bindparam(name, type_=JSONB).op("->")(sa.cast(key, sa.Text))

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
            tell(connection, queues, alone=True)

    def wake(self, engine: sa.Engine) -> Wake:
        """Return a wake that listens on a connection of its own, if one can be had."""
        if self._pooler is None:
            return Listener(engine, engine.url, self._place)
        if self._pooler.direct_url:
            return Listener(engine, self.url(sa.make_url(self._pooler.direct_url)), self._place)
        return super().wake(engine)


@lru_cache(maxsize=64)
def _micros(moment: ColumnElement[datetime], less: int) -> ColumnElement[int]:
    since = sa.cast(sa.func.extract("epoch", moment) * 1_000_000, sa.BigInteger())
    return since - less if less else since
