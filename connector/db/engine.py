"""The database: an engine, and transactions that repeat themselves where that is safe."""

import contextlib
import importlib
import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.sql import ColumnElement, Executable

from connector.db.dialects.base import Dialect, Pooler, Waits, Wake
from connector.db.errors import BadURL, InDoubt, Locked, TooLarge, Unavailable
from connector.db.types import Timestamp, json_text, stored_json

P = ParamSpec("P")
T = TypeVar("T")

DIALECTS = {
    "mariadb": "connector.db.dialects.mariadb:MariaDB",
    "postgresql": "connector.db.dialects.postgresql:PostgreSQL",
    "sqlite": "connector.db.dialects.sqlite:SQLite",
}
"""Engine name to its dialect; imported on use, so that only the driver in use is needed."""

REPEATS = 8
"""How often a transaction that lost against another one is repeated."""


@dataclass(frozen=True)
class Terms:
    """What statements are put together from: the engine's dialect, and what stands for now."""

    dialect: Dialect
    now: ColumnElement[datetime]

    def after(self, seconds: float) -> ColumnElement[datetime]:
        """Return the moment `seconds` from now."""
        return self.dialect.after(self.now, seconds) if seconds else self.now

    def micros(self, moment: ColumnElement[datetime], less: int = 0) -> ColumnElement[int]:
        """Return microseconds since 1970 of a moment, less a number of them."""
        return self.dialect.micros(moment, less)


@dataclass(frozen=True)
class Tx(Terms):
    """One open transaction: what statements are sent through, and what time it is in it."""

    connection: sa.Connection

    def execute_built(
        self, build: Callable[..., Executable], given: Mapping[str, Any], *kinds: Any
    ) -> sa.CursorResult[Any]:
        """Send a statement that is built once, as that takes longer than sending it.

        `build(dialect, now, *kinds)` remembers it; `given`: the values of its parameters.
        """
        now, moment = self.dialect.clock(self.now)
        statement = build(self.dialect, now, *kinds)
        return self.connection.execute(statement, {**given, **moment})

    def execute(self, statement: Executable, values: Any = None) -> sa.CursorResult[Any]:
        """Send one statement and return its result."""
        return self.connection.execute(statement, values)

    def change(
        self,
        table: sa.Table,
        chosen: ColumnElement[bool] | sa.Select[Any],
        values: Mapping[str, Any],
        *returning: ColumnElement[Any],
    ) -> Sequence[sa.Row[Any]]:
        """Change rows and return the columns `returning` of them, as they are then.

        `chosen`: a condition, or a SELECT that finds and locks the keys of the rows.
        """
        return self.dialect.change(self.connection, table, chosen, values, returning)


class Database:
    """One database, reached through one pool of connections.

    `url`: an SQLAlchemy URL (`sqlite:////path/file.db`, `postgresql://user@host/name`).
    `schema`: where the tables are, on engines with schemas. `application`: what the server shows
    as the name of each connection. `lock_timeout_ms`, `statement_seconds` (0: no bound) and
    `connect_seconds` bound how long a statement waits for locks, how long it takes, and how long
    connecting may take; `patience` is how many seconds to go on trying where somebody holds a
    lock; `hold_seconds` how long a transaction may stand idle. `create`: whether connecting may
    make an empty database, on engines where it can. `pooler`: what stands between us and the
    server, if anything does. Raises BadURL.
    """

    def __init__(
        self,
        url: str,
        *,
        schema: str = "webex_connector",
        application: str = "webex-connector",
        pool_size: int = 2,
        lock_timeout_ms: int = 500,
        connect_seconds: float = 5.0,
        statement_seconds: float = 5.0,
        patience: float = 0.0,
        create: bool = True,
        hold_seconds: float = 5.0,
        pooler: Pooler | None = None,
    ) -> None:
        self._patience = patience
        parsed = _parse(url)
        self.dialect = _dialect(parsed)
        self.schema = schema if self.dialect.server_side_schema else None
        waits = Waits(lock_timeout_ms, connect_seconds, statement_seconds, hold_seconds)
        options = self.dialect.engine_options(parsed, application, waits, pooler)
        # Values are what clients sent and actions found: none of it belongs into an error's text.
        engine = sa.create_engine(
            self.dialect.url(parsed),
            pool_size=pool_size,
            max_overflow=0,
            hide_parameters=True,
            json_serializer=json_text,
            json_deserializer=stored_json,
            **options,
        )
        self.dialect.prepare(engine)
        if not create:
            self.dialect.never_create(engine)
        # Each statement is searched for what to translate, so only where there is something.
        where = {"schema_translate_map": {None: self.schema}} if self.schema else {}
        self.engine = engine.execution_options(**where)

    def run(self, work: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `work(tx, …)` in one writing transaction, commit, and return what it returned.

        A transaction that lost against another one (deadlock, lock time-out) is repeated a bounded
        number of times; so `work` must do nothing but read and write the database.
        Raises Unavailable: Locked when somebody holds a lock that is needed, InDoubt when the
        connection was lost during the commit. Raises TooLarge.
        """
        return self._repeat(True, None, lambda tx: work(tx, *args, **kwargs))

    def run_alone(
        self, work: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do as `run` does, for work of one writing statement: it is its own transaction.

        What `work` reads before or after it may be of other moments. Raises InDoubt also where
        the answer to the statement itself was lost.
        """
        return self._repeat(True, None, lambda tx: work(tx, *args, **kwargs), alone=True)

    def read(
        self, work: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call `work(tx, …)`, which only reads, and return what it returned.

        Each of its statements may be of a moment of its own; `snapshot` is of one for all.
        """
        return self._repeat(False, None, lambda tx: work(tx, *args, **kwargs), alone=True)

    def snapshot(self) -> contextlib.AbstractContextManager[Tx]:
        """Open one reading transaction that sees the database as it was at its first statement.

        It keeps no writer waiting, but the engine keeps what others remove until it ends: bound
        it. Raises Unavailable.
        """
        return self._reading(self.dialect.snapshot_level)

    def uncommitted(self) -> contextlib.AbstractContextManager[Tx]:
        """Open one reading transaction that sees what others have not committed, if need be."""
        return self._reading(self.dialect.dirty_level)

    @contextlib.contextmanager
    def _reading(self, level: str | None) -> Iterator[Tx]:
        try:
            with self.engine.connect() as connection:
                if level is not None:
                    connection.execution_options(isolation_level=level)
                with self.dialect.turn(connection, write=False):
                    yield Tx(self.dialect, self.dialect.now(), connection)
        except DBAPIError as error:
            lost = self.dialect.is_locked(error) or self.dialect.is_transient(error)
            if lost or self.dialect.is_unavailable(error):
                raise Unavailable(self._describe(error)) from error
            raise
        except PoolTimeout as error:
            raise Unavailable("every connection of the pool is in use") from error

    def run_at(
        self,
        now: datetime,
        work: Callable[Concatenate[Tx, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Do as `run` does, with `now` in place of the database's clock."""
        return self._repeat(True, now, lambda tx: work(tx, *args, **kwargs))

    def notify(self, queues: Collection[str]) -> None:
        """Wake the workers that serve the queues; a failure is no harm, since they poll."""
        try:
            self.dialect.notify(self.engine, queues)
        except (DBAPIError, PoolTimeout, OSError):
            pass

    def wake(self) -> Wake:
        """Return a wake for one worker."""
        return self.dialect.wake(self.engine)

    def close(self) -> None:
        """Close every connection of the pool."""
        self.engine.dispose()

    @property
    def shown(self) -> str:
        """The URL for people: no password, wherever it stands in it."""
        return self.engine.url.set(query={}).render_as_string()

    def _repeat(
        self, write: bool, now: datetime | None, work: Callable[[Tx], T], alone: bool = False
    ) -> T:
        give_up = time.monotonic() + self._patience
        attempt = 0
        while True:
            try:
                return self._once(write, now, work, alone)
            except DBAPIError as error:
                if self.dialect.is_locked(error):
                    if time.monotonic() < give_up:
                        continue
                    raise Locked(self._describe(error)) from error
                attempt += 1
                if self.dialect.is_stale(error):
                    self.engine.dispose()
                if self.dialect.is_transient(error) and attempt <= REPEATS:
                    time.sleep(random.uniform(0, min(0.2, 0.005 * 2**attempt)))
                    continue
                # A pooled connection may have died unnoticed: a fresh one gets one try.
                if error.connection_invalidated and attempt == 1:
                    continue
                if self.dialect.is_transient(error) or self.dialect.is_unavailable(error):
                    raise Unavailable(self._describe(error)) from error
                if self.dialect.is_too_large(error):
                    raise TooLarge(str(error.orig)) from error
                raise
            except Locked:
                if time.monotonic() >= give_up:
                    raise
                time.sleep(0.05)  # who raises it has not waited
            except PoolTimeout as error:
                raise Unavailable("every connection of the pool is in use") from error

    def _once(self, write: bool, now: datetime | None, work: Callable[[Tx], T], alone: bool) -> T:
        done = False
        try:
            with self.engine.connect() as connection:
                with self.dialect.turn(connection, write=write, alone=alone):
                    moment = self.dialect.now() if now is None else sa.literal(now, Timestamp())
                    result = work(Tx(self.dialect, moment, connection))
                    done = True
            return result
        except DBAPIError as error:
            if (done or alone) and write and error.connection_invalidated:
                raise InDoubt(self._describe(error)) from error
            raise

    def _describe(self, error: DBAPIError) -> str:
        first = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else ""
        return f"the database {self.shown} cannot be used: {first}"


def _parse(url: str) -> sa.URL:
    try:
        return sa.make_url(url)
    except ArgumentError as error:
        raise BadURL(
            "the database URL cannot be read; it has the form "
            "postgresql://user:password@host:5432/name or sqlite:////folder/file.db"
        ) from error


def _dialect(url: sa.URL) -> Dialect:
    name = url.get_backend_name()
    if name not in DIALECTS:
        known = ", ".join(sorted(DIALECTS))
        raise BadURL(f"no support for the engine {name!r} of the database URL; there is {known}")
    module, _, attribute = DIALECTS[name].partition(":")
    try:
        dialect: Dialect = getattr(importlib.import_module(module), attribute)()
    except ModuleNotFoundError as error:
        raise BadURL(
            f"the driver for {name} is not installed: pip install 'webex-connector[{name}]'"
        ) from error
    return dialect
