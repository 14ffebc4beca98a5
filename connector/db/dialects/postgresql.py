"""PostgreSQL: sessions that never hang, and news by NOTIFY."""

import contextlib
import math
import time
import zlib
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ColumnElement

from connector.db.dialects.base import Dialect, Waits, Wake
from connector.db.errors import Migrating

CHANNEL = "webex_connector"

# A lock or a statement that takes longer than these is given up, so that no loop of ours stands
# still longer than a lease allows; a transaction left open by a frozen process is ended.
SESSION = {
    "idle_in_transaction_session_timeout": "5s",
    "timezone": "UTC",
}

LOCKED = "55P03"  # lock not available within lock_timeout
READ_ONLY = "25006"  # cannot write in a read-only transaction
AGAIN = 5.0
"""Seconds between two tries to listen again; polling goes on meanwhile."""

REPEAT = {
    "40001",  # serialization failure
    "40P01",  # deadlock detected
}


class PostgreSQL(Dialect):
    """PostgreSQL 14 or later through psycopg 3."""

    name = "postgresql"
    server_side_schema = True

    def url(self, url: sa.URL) -> sa.URL:
        """Return the URL with psycopg 3 as the driver."""
        return url.set(drivername="postgresql+psycopg")

    def engine_options(self, url: sa.URL, application: str, waits: Waits) -> dict[str, Any]:
        """Return engine options: time-outs for every wait, and READ COMMITTED said aloud."""
        session = {
            **SESSION,
            "lock_timeout": f"{waits.lock_ms}ms",
            "statement_timeout": f"{round(waits.statement_seconds * 1000)}ms",
        }
        options = " ".join(f"-c {name}={value}" for name, value in session.items())
        return {
            "isolation_level": "READ COMMITTED",
            "pool_timeout": waits.connect_seconds,
            "connect_args": {
                "application_name": application,
                "connect_timeout": max(2, math.ceil(waits.connect_seconds)),
                "tcp_user_timeout": 5000,
                "keepalives_idle": 5,
                "keepalives_interval": 2,
                "keepalives_count": 2,
                "options": options,
            },
        }

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

    def create_schema(self, schema: str | None) -> str | None:
        """Return CREATE SCHEMA IF NOT EXISTS."""
        return f'CREATE SCHEMA IF NOT EXISTS "{schema}"'

    def micros(self, moment: ColumnElement[datetime]) -> ColumnElement[int]:
        """Return microseconds since 1970, exact."""
        return sa.cast(sa.func.extract("epoch", moment) * 1_000_000, sa.BigInteger())

    def insert_new(self, table: sa.Table) -> sa.Insert:
        """Return INSERT … ON CONFLICT DO NOTHING."""
        return insert(table).on_conflict_do_nothing()

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

    def notify(self, connection: sa.Connection, queues: Collection[str]) -> None:
        """Send one notification a queue, in a transaction of its own."""
        for queue in sorted(queues):
            connection.execute(sa.select(sa.func.pg_notify(CHANNEL, queue)))

    def wake(self, engine: sa.Engine) -> Wake:
        """Return a wake that listens on a connection of its own."""
        return Listener(engine)


class Listener:
    """Tells that somebody has sent a notification; connects again after a loss."""

    def __init__(self, engine: sa.Engine) -> None:
        url = engine.url.set(drivername="postgresql")
        self._conninfo = url.render_as_string(hide_password=False)
        self._connection: psycopg.Connection[Any] | None = None
        self._again_at = 0.0
        self._connect()

    def _connect(self) -> None:
        try:
            self._connection = psycopg.connect(
                self._conninfo,
                autocommit=True,
                connect_timeout=3,
                application_name="webex-connector listener",
            )
            self._connection.execute(f"LISTEN {CHANNEL}")
        except psycopg.Error:
            self.close()
            self._again_at = time.monotonic() + AGAIN

    def fileno(self) -> int | None:
        """Return the connection's socket, or None while there is none."""
        return self._connection.fileno() if self._connection else None

    def changed(self) -> bool:
        """Say whether a notification has come; a lost connection counts as one."""
        if self._connection is None:
            if time.monotonic() >= self._again_at:
                self._connect()
            return self._connection is not None
        try:
            return any(True for _ in self._connection.notifies(timeout=0))
        except psycopg.Error:
            self.close()
            return True

    def close(self) -> None:
        """Close the connection that listens."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
