"""What every engine does alike, and the places where one may differ."""

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.sql import ColumnElement


class Wake(Protocol):
    """Tells a worker that something may have changed for it.

    Polling stays the truth: a wake that never comes costs time, never a job.
    """

    def fileno(self) -> int | None:
        """Return a descriptor that becomes readable on news, or None."""

    def news(self) -> Collection[str]:
        """Return the queues of which there is news since the last call; never waits.

        "" stands for news of any kind.
        """

    def close(self) -> None:
        """Let go of what the wake holds."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a statement may wait for locks or take, and a new connection for the server."""

    lock_ms: int = 500
    connect_seconds: float = 5.0
    statement_seconds: float = 5.0
    """0: as long as it needs."""
    hold_seconds: float = 5.0
    """Longest that a transaction may stand idle, and so that a frozen process holds its locks."""


@dataclass(frozen=True, slots=True)
class Pooler:
    """A program between us and the server that lends us a session for one transaction at a time."""

    direct_url: str = field(default="", repr=False)
    """The server itself, for what needs a session of its own; empty: there is none."""


@dataclass(frozen=True, slots=True)
class Beside:
    """A place for another schema. `statement`: what is made and removed for it, if anything."""

    url: sa.URL
    statement: str = ""
    cascade: str = ""


class Never:
    """A wake for engines that have none: the worker polls."""

    def fileno(self) -> int | None:
        """Return None: there is nothing to wait on."""
        return None

    def news(self) -> Collection[str]:
        """Return none: polling finds the news."""
        return ()

    def close(self) -> None:
        """Hold nothing, so let go of nothing."""


class Dialect:
    """The portable default; an engine overrides only what it must."""

    name = ""
    server_side_schema = False
    """Whether tables live in a named schema of the database."""
    has_roles = False
    """Whether each kind of process may log in as a role of its own, with rights that it needs."""
    listens = False
    """Whether each worker has a connection more, on which it hears of news."""
    snapshot_level: str | None = None
    """Isolation level in which all statements of a transaction see the same; None: in any."""
    writes_beside = True
    """Whether two connections can write at once."""
    dirty_level: str | None = None
    """Isolation level that shows what others have not committed; None: there is no need of one."""
    lag_seconds = 2.0
    """How far counts made beforehand lie back, so that little comes in behind them."""
    changes_at_once = True
    """Whether `change` is one statement."""

    poll_seconds = 1.0
    """Longest that a worker with something to do may go without looking for news itself."""

    def url(self, url: sa.URL) -> sa.URL:
        """Return the URL with the driver that this program uses."""
        return url

    def engine_options(
        self, url: sa.URL, application: str, waits: Waits, pooler: Pooler | None
    ) -> dict[str, Any]:
        """Return keyword arguments for `sqlalchemy.create_engine`."""
        return {}

    def prepare(self, engine: sa.Engine) -> None:
        """Register what each new connection of the engine needs."""

    def is_too_large(self, error: DBAPIError) -> bool:
        """Say whether a statement was larger than the server takes."""
        return False

    def never_create(self, engine: sa.Engine) -> None:
        """Have connecting fail where it would otherwise make an empty database."""

    @contextlib.contextmanager
    def turn(
        self, connection: sa.Connection, *, write: bool, alone: bool = False
    ) -> Iterator[None]:
        """Open and end one transaction on the connection. `alone`: it is of one statement."""
        with connection.begin():
            yield

    def connections_allowed(self, connection: sa.Connection) -> int | None:
        """Return how many connections the server lets all programs have, or None: any number."""
        return None

    def connections_of_login(self, connection: sa.Connection) -> int | None:
        """Return how many of them the user who is logged in may have, or None: all."""
        return None

    def now(self) -> ColumnElement[datetime]:
        """Return the database's clock, the same within one transaction."""
        return sa.func.now()

    def clock(
        self, now: ColumnElement[datetime]
    ) -> tuple[ColumnElement[datetime], Mapping[str, Any]]:
        """Return what stands for `now` in a statement that is built once, and its parameters."""
        return now, {}

    def after(self, moment: ColumnElement[datetime], seconds: float) -> ColumnElement[datetime]:
        """Return the moment that lies `seconds` after another."""
        return moment + sa.literal(timedelta(seconds=seconds), sa.Interval())

    def micros(self, moment: ColumnElement[datetime], less: int = 0) -> ColumnElement[int]:
        """Return microseconds since 1970 of a moment, less a number of them, as a bigint."""
        raise NotImplementedError

    def insert_new(self, table: sa.Table) -> sa.Insert:
        """Return an INSERT that leaves a row alone whose key is there already."""
        raise NotImplementedError

    def insert_new_rows(
        self,
        connection: sa.Connection,
        table: sa.Table,
        rows: Sequence[Mapping[str, Any]],
        shared: Mapping[str, ColumnElement[Any]],
        news: Sequence[sa.Column[Any]] = (),
    ) -> None:
        """Insert rows of the same columns by one statement; those there already are left alone.

        `shared`: what all of them have in further columns; `news`: columns that are told
        to workers by the commit, if they listen (`listens`).
        """
        # RETURNING makes one statement of them. A driver's own executemany is one call a row, each
        # of which waits for the interpreter's lock behind a busy event loop.
        given: dict[str, Any] = {name: sa.bindparam(name) for name in rows[0]}
        statement = self.insert_new(table).values({**given, **shared})
        connection.execute(statement.returning(*table.primary_key.columns), list(rows))

    def change(
        self,
        connection: sa.Connection,
        table: sa.Table,
        chosen: ColumnElement[bool] | sa.Select[Any],
        values: Mapping[str, Any],
        returning: Sequence[ColumnElement[Any]],
    ) -> Sequence[sa.Row[Any]]:
        """Change rows and return the columns `returning` of them, as they are then.

        `chosen`: a condition, or a SELECT that finds and locks primary keys, which is run once.
        """
        return connection.execute(self.changing(table, chosen, values, returning)).all()

    def changing(
        self,
        table: sa.Table,
        chosen: ColumnElement[bool] | sa.Select[Any],
        values: Mapping[str, Any],
        returning: Sequence[ColumnElement[Any]],
    ) -> sa.UpdateBase:
        """Return the statement that `change` sends, where it is one (`changes_at_once`)."""
        if isinstance(chosen, sa.Select):
            # As a plain subquery it may be run once a row, finding others each time.
            chosen = key_of(table).in_(sa.select(*chosen.cte("chosen").c))
        return sa.update(table).where(chosen).values(values).returning(*returning)

    def among(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        """Return the condition that a column is one of those that a parameter has: see `listed`."""
        return column.in_(sa.bindparam(name, expanding=True))

    def listed(self, values: Collection[str]) -> Any:
        """Return the value of that parameter: keys, which have no comma."""
        return list(values)

    def together(
        self, documents: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[tuple[list[str], Mapping[str, Any], bool]]:
        """Yield keys, and the document that all their rows get; or all, with true: see `own_of`."""
        alike: dict[str, list[str]] = {}
        for name, document in documents.items():
            alike.setdefault(repr(document), []).append(name)
        for names in alike.values():
            yield names, documents[names[0]], False

    def own_of(self, key: ColumnElement[str], name: str) -> ColumnElement[Any]:
        """Return each row's own of the documents that a parameter holds by key."""
        raise NotImplementedError

    def make_place(self, url: sa.URL) -> None:
        """Make what must be there before the database can be made, such as a folder."""

    @contextlib.contextmanager
    def alone(self, connection: sa.Connection) -> Iterator[None]:
        """Keep other migrations of the database off while this one runs. Raises Migrating."""
        yield

    def beside(self, url: sa.URL, name: str, folder: Path) -> Beside:
        """Return a place for a schema of the same kind that is in nobody's way."""
        return Beside(url.set(database=str(folder / name)))

    def troubles(self, engine: sa.Engine, schema: str | None) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with the server, each with its remedy."""
        yield from ()

    def create_schema(self, schema: str | None) -> str | None:
        """Return the statement that makes the schema if need be, or None where there are none."""
        return None

    def missing(self, url: sa.URL) -> str | None:
        """Return what is not there yet of the database itself, in words, or None."""
        return None

    def server_lock(self, url: sa.URL) -> str | None:
        """Return the path of the lock that only one server may hold, or None if many may run."""
        return None

    def other_host(self, url: sa.URL, host: str) -> str | None:
        """Return the other host that the database is bound to, or None if any host may use it.

        An unbound one is bound to `host` from now on, where the engine binds at all.
        """
        return None

    def is_transient(self, error: DBAPIError) -> bool:
        """Say whether repeating the whole transaction may succeed at once."""
        return False

    def is_locked(self, error: DBAPIError) -> bool:
        """Say whether somebody else's lock was waited for in vain."""
        return False

    def is_stale(self, error: DBAPIError) -> bool:
        """Say whether the connection leads to a server that serves no longer: connect anew."""
        return False

    def is_unavailable(self, error: DBAPIError) -> bool:
        """Say whether the server is out of reach or refuses work for now."""
        return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)

    def announce(self, connection: sa.Connection, schema: str | None, moment: datetime) -> None:
        """Tell the triggers of jobs, at once and for good, that counts are about to come so far."""

    def writing(self, connection: sa.Connection, schema: str | None) -> frozenset[str]:
        """Return the transactions that have written to jobs and go on, where others can see them.

        Nothing where a look at `dirty_level` tells, or where nobody else writes during a write.
        """
        return frozenset()

    def notify(self, engine: sa.Engine, queues: Collection[str]) -> None:
        """Wake the workers that serve the queues, where the engine can; after the commit."""

    def wake(self, engine: sa.Engine) -> Wake:
        """Return a wake for one worker."""
        return Never()


def key_of(table: sa.Table) -> ColumnElement[Any]:
    """Return a table's primary key as one expression."""
    columns = list(table.primary_key.columns)
    return columns[0] if len(columns) == 1 else sa.tuple_(*columns)
