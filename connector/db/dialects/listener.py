"""News by NOTIFY, on a connection that is known to hear."""

import secrets
import time
from collections.abc import Collection, Iterator
from functools import cache
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.sql import ColumnElement

CHANNEL = "webex_connector"

OPTIONS = {
    "autocommit": True,
    "connect_timeout": 3,
    "tcp_user_timeout": 5000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
}
"""How to connect: a server that is gone is noticed within seconds."""

AGAIN = 5.0
"""Seconds between two tries to listen again; polling goes on meanwhile."""

ECHO = 15.0
"""Seconds between two tests whether the connection still hears."""

HEARD = 5.0
"""Seconds in which it must have heard the test."""


def tell(connection: sa.Connection, news: Collection[str], *, alone: bool = False) -> None:
    """Send a notification for each of the news; `alone`: in a transaction that does nothing else.

    Such a one does not wait for the disk: what it says is lost with a server that goes down, and so
    are those who listen.
    """
    named = {f"news{number}": each for number, each in enumerate(sorted(news))}
    connection.execute(_telling(len(named), alone), named)


@cache
def _telling(count: int, alone: bool) -> sa.Select[Any]:
    news = [notify(sa.bindparam(f"news{number}", type_=sa.Text)) for number in range(count)]
    in_time = [sa.func.set_config("synchronous_commit", "off", True)] if alone else []
    return sa.select(*in_time, *news)


def notify(news: ColumnElement[str]) -> ColumnElement[None]:
    """Return the call that sends a notification with the commit; of many that are alike one."""
    return sa.func.pg_notify(CHANNEL, news)


@cache
def per_row(columns: tuple[ColumnElement[Any], ...]) -> ColumnElement[None]:
    """Return the call that sends what a row has in these columns; the same for the same columns,
    for statements that are built once.
    """
    return notify(sa.func.concat_ws(" ", *columns))


class Listener:
    """Tells that somebody has sent a notification; connects again after a loss.

    A connection can go deaf without an error, so now and then it must hear what we send ourselves
    on another one. `engine`: what to send on; `url`: where to listen; `place`: host and process,
    which the connection's name tells.
    """

    def __init__(self, engine: sa.Engine, url: sa.URL, place: str) -> None:
        self._engine = engine
        self._name = f"listener/{place}"[:63]
        _, self._arguments = engine.dialect.create_connect_args(url)
        self._connection: psycopg.Connection[Any] | None = None
        self._again_at = 0.0
        self._echo = ""
        self._echo_at = 0.0
        self._connect()

    def _connect(self) -> None:
        try:
            # Over what the URL may say of the same things.
            self._connection = psycopg.connect(
                **{**self._arguments, **OPTIONS, "application_name": self._name}
            )
            self._connection.execute(f"LISTEN {CHANNEL}")
        except psycopg.Error:
            self.close()
            self._again_at = time.monotonic() + AGAIN
        self._echo, self._echo_at = "", time.monotonic() + ECHO

    def fileno(self) -> int | None:
        """Return the connection's socket, or None while there is none."""
        return self._connection.fileno() if self._connection else None

    def news(self) -> Collection[str]:
        """Return what notifications that have come tell; a lost connection may have had any."""
        if self._connection is None:
            if time.monotonic() >= self._again_at:
                self._connect()
            return ("",) if self._connection is not None else ()
        try:
            heard = list(_payloads(self._connection.pgconn))
        except psycopg.Error:
            self.close()
            return ("",)
        if self._echo and self._echo in heard:
            heard.remove(self._echo)
            self._echo = ""
        self._test()
        return {payload for payload in heard if not payload.startswith("echo ")}

    def close(self) -> None:
        """Close the connection that listens."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _test(self) -> None:
        now = time.monotonic()
        if self._echo and now >= self._echo_at - ECHO + HEARD:
            self.close()  # deaf
            self._again_at = 0.0
        elif now >= self._echo_at:
            self._echo_at = now + ECHO
            self._echo = f"echo {secrets.token_hex(8)}"
            try:
                with self._engine.connect() as connection, connection.begin():
                    connection.execute(sa.select(sa.func.pg_notify(CHANNEL, self._echo)))
            except (DBAPIError, PoolTimeout):
                self._echo = ""  # not sent, so it proves nothing


def _payloads(connection: psycopg.pq.abc.PGconn) -> Iterator[str]:
    """Yield what has come, by libpq alone: a worker that has slept is to begin at once."""
    connection.consume_input()
    while news := connection.notifies():
        yield news.extra.decode(errors="replace")
