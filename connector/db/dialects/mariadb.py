"""MariaDB 10.6 or later through PyMySQL."""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pymysql.connections import Connection
from pymysql.err import DataError
from sqlalchemy.dialects.mysql import insert
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql import ColumnElement

from connector.db.dialects.base import Beside, Dialect, Pooler, Waits, key_of
from connector.db.errors import Migrating
from connector.db.types import Timestamp

# Times in UTC; texts that do not fit are errors; SET sees the row as it was, as in other engines.
# A lock or a statement that takes longer than these is given up, so that no loop of ours stands
# still longer than a lease allows; a transaction left open by a frozen process is ended.
SESSION = (
    "SET SESSION time_zone = '+00:00', "
    "sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES,SIMULTANEOUS_ASSIGNMENT'), "
    "innodb_lock_wait_timeout = {lock}, lock_wait_timeout = {metadata_lock}, "
    "max_statement_time = {statement}, idle_transaction_timeout = {hold}"
)

# https://mariadb.com/kb/en/mariadb-error-code-reference/
TOO_LARGE = 1153
DEADLOCK, CHANGED = 1213, 1020
LOCKED = 1205
READ_ONLY = {1290, 1792, 1836}
AWAY = {
    *(1021, 1041, 1114),  # disk full, out of memory, table full
    *(1040, 1042, 1043, 1203, 1226),  # too many connections, bad handshake
    *(1053, 1077, 1152, 1158, 1159, 1160, 1161, 1927),  # shut down, broken, killed
    *(1044, 1045, 1049, 1698),  # not let in: a password or a right may be mended meanwhile
    *(1317, 1969),  # statement interrupted, or longer than max_statement_time
    *(2002, 2003, 2006, 2013, 2055, 4031),  # no connection, or a lost one
}


NOW: ColumnElement[datetime] = sa.func.utc_timestamp(sa.text("6"), type_=Timestamp())


class MariaDB(Dialect):
    """MariaDB: no UPDATE … RETURNING, no partial index, no wake-up; deadlocks are ordinary."""

    name = "mariadb"
    snapshot_level = "REPEATABLE READ"
    dirty_level = "READ UNCOMMITTED"
    changes_at_once = False
    lag_seconds = 5.0  # more than what the triggers of migration 0009 call late by the clock
    poll_seconds = 0.1

    def url(self, url: sa.URL) -> sa.URL:
        """Return the URL with PyMySQL as the driver, and the character set that holds all."""
        return url.set(drivername="mariadb+pymysql").update_query_dict({"charset": "utf8mb4"})

    def engine_options(
        self, url: sa.URL, application: str, waits: Waits, pooler: Pooler | None
    ) -> dict[str, Any]:
        """Return engine options: time-outs for every wait, and READ COMMITTED said aloud.

        MariaDB counts waits for locks in whole seconds.
        """
        seconds = max(1, math.ceil(waits.lock_ms / 1000))
        return {
            "isolation_level": "READ COMMITTED",
            "pool_timeout": waits.connect_seconds,
            "connect_args": {
                "program_name": application,
                "connect_timeout": max(2, math.ceil(waits.connect_seconds)),
                "read_timeout": waits.statement_seconds + 3 if waits.statement_seconds else None,
                "write_timeout": 8,
                "init_command": SESSION.format(
                    lock=seconds,
                    metadata_lock=seconds,
                    statement=waits.statement_seconds,
                    hold=max(1, int(waits.hold_seconds)),
                ),
            },
        }

    def prepare(self, engine: sa.Engine) -> None:
        """Refuse what is larger than the server takes: it would only hang up, as if it were away.

        https://mariadb.com/kb/en/server-system-variables/#max_allowed_packet
        """

        @sa.event.listens_for(engine, "connect")
        def on_connect(raw: Connection, record: ConnectionPoolEntry) -> None:
            with raw.cursor() as cursor:
                cursor.execute("SELECT @@max_allowed_packet")
                ((most,),) = cursor.fetchall()
            send = raw.query

            def query(sql: str | bytes, unbuffered: bool = False) -> int:
                # Its encoding is at most four times as long, and nearly always there is no need.
                size = len(sql) if isinstance(sql, bytes) or 4 * len(sql) < most else _size(sql)
                if size >= most:
                    told = f"{size:,} bytes are more than the server's max_allowed_packet={most:,}"
                    raise DataError(TOO_LARGE, told)
                sent: int = send(sql, unbuffered)
                return sent

            raw.query = query  # type: ignore[method-assign]

    @contextlib.contextmanager
    def alone(self, connection: sa.Connection) -> Iterator[None]:
        """Hold a named lock of the server."""
        name = sa.func.concat("webex-connector migrate ", sa.func.database())
        if connection.execute(sa.select(sa.func.get_lock(name, 0))).scalar() != 1:
            raise Migrating
        try:
            yield
        finally:
            with contextlib.suppress(DBAPIError):  # with the session the lock is gone as well
                connection.execute(sa.select(sa.func.release_lock(name)))

    def beside(self, url: sa.URL, name: str, folder: Path) -> Beside:
        """Return a database of its own on the same server."""
        return Beside(url.set(database=name), f"DATABASE {name}")

    def connections_allowed(self, connection: sa.Connection) -> int | None:
        """Return max_connections."""
        allowed: int = connection.exec_driver_sql("SELECT @@global.max_connections").scalar_one()
        return allowed

    def connections_of_login(self, connection: sa.Connection) -> int | None:
        """Return max_user_connections of the account, or else of the server."""
        allowed: int = connection.exec_driver_sql("SELECT @@max_user_connections").scalar_one()
        return allowed if allowed > 0 else None

    def troubles(self, engine: sa.Engine, schema: str | None) -> Iterator[tuple[str, str]]:
        """Yield transactions that have been open for long."""
        with engine.connect() as connection:
            rows = connection.exec_driver_sql(
                "SELECT trx_mysql_thread_id, TIMESTAMPDIFF(SECOND, trx_started, NOW()) "
                "FROM information_schema.INNODB_TRX "
                "WHERE trx_started < NOW() - INTERVAL 10 MINUTE"
            )
            for thread, seconds in rows:
                yield (
                    f"connection {thread} has had a transaction open for {seconds} s: old row "
                    "versions pile up behind it",
                    f"end it: KILL {thread}",
                )

    def now(self) -> ColumnElement[datetime]:
        """Return the server's clock in UTC; the same within one statement."""
        return NOW

    def after(self, moment: ColumnElement[datetime], seconds: float) -> ColumnElement[datetime]:
        """Return the moment that lies `seconds` after another."""
        micros = round(seconds * 1_000_000)
        unit = sa.text("MICROSECOND")
        return sa.func.timestampadd(unit, micros, moment, type_=Timestamp())

    def micros(self, moment: ColumnElement[datetime], less: int = 0) -> ColumnElement[int]:
        """Return microseconds since 1970, exact."""
        unit, epoch = sa.text("MICROSECOND"), sa.text("'1970-01-01'")
        since = sa.func.timestampdiff(unit, epoch, moment, type_=sa.BigInteger())
        return since - less if less else since

    def insert_new(self, table: sa.Table) -> sa.Insert:
        """Return INSERT … ON DUPLICATE KEY UPDATE of the key with itself.

        INSERT IGNORE would also take rows that break a rule, and bend or drop them in silence.
        """
        key = next(iter(table.primary_key.columns))
        return insert(table).on_duplicate_key_update({key.name: key})

    def change(
        self,
        connection: sa.Connection,
        table: sa.Table,
        chosen: ColumnElement[bool] | sa.Select[Any],
        values: Mapping[str, Any],
        returning: Sequence[ColumnElement[Any]],
    ) -> Sequence[sa.Row[Any]]:
        """Lock the rows, change them, and read them again: three statements in place of one."""
        if not isinstance(chosen, sa.Select):
            chosen = sa.select(*table.primary_key).where(chosen).with_for_update()
        keys = [key if len(key) > 1 else key[0] for key in connection.execute(chosen)]
        if not keys:
            return []
        these = key_of(table).in_(keys)
        connection.execute(sa.update(table).where(these).values(values))
        return connection.execute(sa.select(*returning).where(these)).all()

    def is_too_large(self, error: DBAPIError) -> bool:
        """Say whether it was refused by us for its size, or by the server."""
        return _code(error) == TOO_LARGE

    def is_transient(self, error: DBAPIError) -> bool:
        """Say whether the transaction lost against another one."""
        return _code(error) in (DEADLOCK, CHANGED)

    def is_locked(self, error: DBAPIError) -> bool:
        """Say whether a row or table stayed locked for the whole time-out."""
        return _code(error) == LOCKED

    def is_stale(self, error: DBAPIError) -> bool:
        """Say whether the server has become read-only: a replica, or about to be one."""
        return _code(error) in READ_ONLY

    def is_unavailable(self, error: DBAPIError) -> bool:
        """Say whether the server is out of reach, or refuses work for now."""
        return (
            error.connection_invalidated
            or isinstance(error, InterfaceError)
            or _code(error) in AWAY | READ_ONLY
        )


def _size(sql: str) -> int:
    return len(sql.encode("utf-8", "surrogateescape"))


def _code(error: DBAPIError) -> int | None:
    arguments = getattr(error.orig, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else None
