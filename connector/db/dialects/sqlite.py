"""SQLite: one file, one writer at a time, writers served in order of arrival."""

import contextlib
import ctypes
import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql import ColumnElement

from connector.db.dialects import insertion
from connector.db.dialects.base import Dialect, Pooler, Waits, Wake
from connector.db.dialects.turn import NotInTime, turn
from connector.db.errors import Locked, Migrating
from connector.db.types import Timestamp

_IN_MODIFY = 0x2  # sys/inotify.h

PLACES = 32766
"""Parameters that one statement may have, as SQLite is built by default."""


CLOCK: ColumnElement[datetime] = sa.bindparam("now", type_=Timestamp())


class SQLite(Dialect):
    """SQLite 3.35 or later in WAL mode, every commit synced to the disk."""

    name = "sqlite"
    writes_beside = False
    _lock_seconds = 0.5

    def engine_options(
        self, url: sa.URL, application: str, waits: Waits, pooler: Pooler | None
    ) -> dict[str, Any]:
        """Return engine options: how long to wait for who does not queue on our lock file."""
        self._lock_seconds = waits.lock_ms / 1000
        return {"connect_args": {"timeout": self._lock_seconds}}

    def url(self, url: sa.URL) -> sa.URL:
        """Return the URL with the file's real path, so that links to it share its locks."""
        return url.set(database=os.path.realpath(url.database)) if url.database else url

    def make_place(self, url: sa.URL) -> None:
        """Make the folder of the file, and the file, for their owner alone if they are new.

        The files that SQLite makes beside it have its mode.
        """
        if not url.database:
            return
        Path(url.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # whoever opens it is told why it cannot be made
            os.close(os.open(url.database, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))

    def prepare(self, engine: sa.Engine) -> None:
        """Set the pragmas of each connection."""

        @sa.event.listens_for(engine, "connect")
        def on_connect(raw: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
            raw.isolation_level = None  # the driver must not begin transactions on its own
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                raw.execute(f"PRAGMA {pragma}")

        @sa.event.listens_for(engine, "begin")
        def on_begin(connection: sa.Connection) -> None:
            # A transaction that reads first and then writes could not wait for another writer.
            how = connection.get_execution_options().get("sqlite_begin", "BEGIN")
            connection.exec_driver_sql(how)

    def never_create(self, engine: sa.Engine) -> None:
        """Refuse to connect while the file is not there."""

        @sa.event.listens_for(engine, "do_connect")
        def on_connecting(*_: object) -> None:
            if missing := self.missing(engine.url):
                raise sqlite3.OperationalError(missing)

    @contextlib.contextmanager
    def turn(
        self, connection: sa.Connection, *, write: bool, alone: bool = False
    ) -> Iterator[None]:
        """Open and end one transaction; writers queue on a lock file beside the database first.

        SQLite's own busy wait polls and lets late comers in first, which delays some writers for
        seconds.
        """
        with contextlib.ExitStack() as stack:
            if write and (path := connection.engine.url.database):
                try:
                    stack.enter_context(turn(f"{path}-turn", self._lock_seconds))
                except NotInTime:
                    raise Locked(f"another process is writing to {path}, for too long") from None
            connection.execution_options(sqlite_begin="BEGIN IMMEDIATE" if write else "BEGIN")
            stack.enter_context(connection.begin())
            yield

    @contextlib.contextmanager
    def alone(self, connection: sa.Connection) -> Iterator[None]:
        """Hold a lock file of its own, and each transaction's lock from its begin."""
        connection.execution_options(sqlite_begin="BEGIN IMMEDIATE")
        path = connection.engine.url.database
        if not path:
            yield
            return
        try:
            with turn(f"{path}-migrate", 0.0):
                yield
        except NotInTime:
            raise Migrating from None

    def now(self) -> ColumnElement[datetime]:
        """Return this host's clock: the database is a file on the same host."""
        return sa.literal(datetime.now(UTC), Timestamp())

    def clock(
        self, now: ColumnElement[datetime]
    ) -> tuple[ColumnElement[datetime], Mapping[str, Any]]:
        """Return a parameter for this host's clock; as a number it is another one."""
        return CLOCK, {"now": _value(now), "now_micros": _bound(self.micros(now))}

    def after(self, moment: ColumnElement[datetime], seconds: float) -> ColumnElement[datetime]:
        """Return the moment that lies `seconds` after another; both are plain values here."""
        value = _value(moment)
        if value is None:
            raise TypeError("SQLite adds to a known moment only")
        return sa.literal(value + timedelta(seconds=seconds), Timestamp())

    def micros(self, moment: ColumnElement[datetime], less: int = 0) -> ColumnElement[int]:
        """Return microseconds since 1970, exact to the millisecond for stored moments."""
        if moment is CLOCK:
            return sa.bindparam("now_micros", type_=sa.BigInteger) - less
        if (value := _value(moment)) is not None:
            since = (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
            return sa.literal(since - less, sa.BigInteger())
        seconds = sa.cast(sa.func.strftime("%s", moment), sa.BigInteger())
        fraction = sa.cast(sa.func.substr(sa.func.strftime("%f", moment), 4), sa.BigInteger())
        return seconds * 1_000_000 + fraction * 1000 - less

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
        """Insert rows by one statement, or a few; SQLAlchemy's own way takes five times as long.

        `shared`: values, as everything is that is of this moment here.
        """
        names = (*rows[0], *shared)
        head, one, stored = insertion.by_places(table, names, connection.dialect)
        always = [as_stored(_bound(shared[name])) for name, as_stored in stored[len(rows[0]) :]]
        most = PLACES // len(names)
        for start in range(0, len(rows), most):
            values: list[Any] = []
            some = rows[start : start + most]
            for row in some:
                values += [as_stored(row[name]) for name, as_stored in stored[: len(rows[0])]]
                values += always
            places = ",".join([one] * len(some))
            connection.exec_driver_sql(f"{head} {places} ON CONFLICT DO NOTHING", tuple(values))

    def missing(self, url: sa.URL) -> str | None:
        """Say whether the file is there: connecting would make an empty one."""
        if url.database and not os.path.exists(url.database):
            return f"the file {url.database} does not exist"
        return None

    def server_lock(self, url: sa.URL) -> str | None:
        """Return a path beside the database: one file serves one server."""
        return f"{url.database}-server"

    def other_host(self, url: sa.URL, host: str) -> str | None:
        """Read the host's name from a file beside the database, or write ours into it."""
        path = f"{url.database}-host"
        try:
            with open(path, encoding="utf-8") as file:
                owner = file.read().strip()
        except FileNotFoundError:
            with open(path, "w", encoding="utf-8", opener=_private) as file:
                file.write(host + "\n")
            return None
        return owner if owner != host else None

    def is_locked(self, error: DBAPIError) -> bool:
        """Say whether a program that does not queue on our lock file was in the way."""
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

    def is_unavailable(self, error: DBAPIError) -> bool:
        """Say whether the file cannot be used, also because it is damaged or no database."""
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or super().is_unavailable(
            error
        )

    def notify(self, engine: sa.Engine, queues: Collection[str]) -> None:
        """Ring the bell of this file's workers."""
        if path := engine.url.database:
            ring(f"{path}-bell")

    def wake(self, engine: sa.Engine) -> Wake:
        """Return a wake that hears the bell."""
        return Bell(f"{engine.url.database}-bell")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _value(moment: ColumnElement[datetime]) -> datetime | None:
    """Return the moment that a bound value holds; None for a column."""
    value = moment.value if isinstance(moment, sa.BindParameter) else None
    return value if isinstance(value, datetime) else None


def _bound(element: ColumnElement[Any]) -> Any:
    """Return the value that a parameter holds, as everything does that is of this moment here."""
    assert isinstance(element, sa.BindParameter), element
    return element.value


class Bell:
    """Tells that somebody has rung: the kernel reports writes to a file beside the database.

    Asking `PRAGMA data_version` many times a second would do too, at the price of a server that is
    never idle; and the write-ahead log is written to before a commit can be seen. Where the kernel
    gives no watch, the worker polls.
    """

    def __init__(self, path: str) -> None:
        ring(path)  # a watch needs something to watch
        self._descriptor: int | None = _inotify(path)

    def fileno(self) -> int | None:
        """Return the descriptor of the watch."""
        return self._descriptor

    def news(self) -> Collection[str]:
        """Return "" if the bell was rung since the last call."""
        if self._descriptor is None:
            return ()
        try:
            return ("",) if os.read(self._descriptor, 1 << 14) else ()
        except BlockingIOError:
            return ()

    def close(self) -> None:
        """Close the watch."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def ring(path: str) -> None:
    """Ring the bell."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(descriptor, b"\n", 0)
    finally:
        os.close(descriptor)


def _inotify(path: str) -> int | None:
    """Return a descriptor that tells of writes to a file: inotify(7)."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        return None
    if libc.inotify_add_watch(descriptor, os.fsencode(path), _IN_MODIFY) < 0:
        os.close(descriptor)
        return None
    return descriptor
