"""PostgreSQL under test: one server for most faults, one of its own where a fault ends it."""

import contextlib
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from tests import postgresql_server
from tests.chaos.places import Clock, Engine, ServerPlace, Wish, eventually, small_disk
from tests.postgresql_server import OPTIONS, Server
from tests.proxy import Proxy

SETTINGS = {**OPTIONS, "max_connections": "60", "shared_buffers": "32MB"}
OURS = "application_name LIKE 'webex-connector%'"


class PostgreSQLPlace(ServerPlace):
    """One database on one server."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.standby: Server | None = None
        self.name = name
        self.url = self.direct = self._at(server.port)

    def _at(self, port: int) -> str:
        return f"postgresql://postgres@127.0.0.1:{port}/{self.name}"

    def reach_through(self, wire: Proxy) -> None:
        """Have programs use the wire."""
        self.wire = wire
        self.url = self._at(wire.port)

    def replicate(self, synchronous: bool) -> None:
        """Add a standby, and name both in the URLs."""
        self._synchronous = synchronous
        self.standby = Server(self.server.folder, SETTINGS, name="data2")
        self._attach()
        hosts = "&".join(f"host=127.0.0.1:{s.port}" for s in (self.server, self.standby))
        user = f"postgresql://postgres@/{self.name}"
        self.url = self.direct = f"{user}?{hosts}&target_session_attrs=read-write"

    def _attach(self) -> None:
        """Copy the primary to the standby's place and let it follow."""
        assert self.standby is not None
        self.standby.copy(self.server.url)
        self.standby.start()
        wanted = "sync" if self._synchronous else "async"
        names = "*" if self._synchronous else ""
        with self.admin() as admin:
            admin.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
            admin.execute("SELECT pg_reload_conf()")
            following = f"SELECT 1 FROM pg_stat_replication WHERE sync_state = '{wanted}'"
            eventually("the standby follows", lambda: admin.execute(following).fetchone())

    def stop_all(self) -> None:
        """End both servers, also those that have changed their parts."""
        for server in (self.server, self.standby):
            if server is not None:
                server.stop()

    def drop(self) -> None:
        """Remove the database, whoever uses it."""
        with self.admin() as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")

    @contextlib.contextmanager
    def admin(self, database: str = "postgres") -> Iterator[psycopg.Connection[Any]]:
        """Connect to the server as its owner."""
        url = sa.make_url(self.server.url).set(database=database)
        with psycopg.connect(url.render_as_string(), autocommit=True) as connection:
            # The switches below must work while the server is told to refuse writes.
            connection.execute("SET default_transaction_read_only = off")
            yield connection

    @contextlib.contextmanager
    def restart(self) -> Iterator[None]:
        """End the server as a crash does; start it at the end."""
        self.server.stop(signal.SIGQUIT)
        yield
        self.server.start()

    def start(self) -> None:
        """Start the server, if it has ended."""
        if self.server.process is None or self.server.process.poll() is not None:
            self.server.start()

    def terminate_one(self) -> None:
        """End one of the programs' connections, any."""
        with self.admin() as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                f"WHERE {OURS.replace('%', '%%')} AND datname = %s ORDER BY random() LIMIT 1",
                [self.name],
            )

    @contextlib.contextmanager
    def fill_connections(self) -> Iterator[None]:
        """Take every connection that the server allows, those of the programs too."""
        taken: list[psycopg.Connection[Any]] = []
        with contextlib.ExitStack() as stack:
            admin = stack.enter_context(self.admin())
            ended = 1
            while ended:
                with contextlib.suppress(psycopg.OperationalError):
                    while True:
                        taken.append(psycopg.connect(self.server.url, connect_timeout=2))
                        stack.callback(taken[-1].close)
                found = admin.execute(
                    f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {OURS}"
                ).fetchone()
                ended = found[0] if found else 0
            yield

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        """Have the server refuse writes, in sessions that are open too."""
        with self.admin() as admin:
            admin.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            admin.execute("SELECT pg_reload_conf()")
            try:
                yield
            finally:
                admin.execute("ALTER SYSTEM RESET default_transaction_read_only")
                admin.execute("SELECT pg_reload_conf()")

    def fail_over(self) -> None:
        """Lose the primary and promote its standby; make a new standby of it."""
        assert self.standby is not None
        lost, self.server = self.server, self.standby
        lost.stop(signal.SIGQUIT)
        with self.admin() as admin:
            admin.execute("SELECT pg_promote()")
            # Until its own standby follows, it must not wait for one.
            admin.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
            admin.execute("SELECT pg_reload_conf()")
        self.standby = lost
        self._attach()

    @contextlib.contextmanager
    def hold_snapshot(self) -> Iterator[None]:
        """Keep a transaction open that has read: no dead row can be removed meanwhile."""
        with self.admin(self.name) as admin:
            admin.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            admin.execute("SELECT count(*) FROM webex_connector.jobs")
            yield
            admin.execute("ROLLBACK")


class PostgreSQL(Engine):
    """PostgreSQL from the machine's own programs."""

    name = "postgresql"

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._shared: Server | None = None

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextlib.contextmanager
    def place(self, folder: Path, wish: Wish) -> Iterator[PostgreSQLPlace]:
        """Make a database on the common server, or on a fresh one where that must be special."""
        name = f"chaos_{uuid.uuid4().hex}"
        with contextlib.ExitStack() as stack:
            place = PostgreSQLPlace(self._server(stack, wish), name)
            if wish.movable_clock:
                place.clock = Clock(place.server.folder)
            if wish.small_disk:
                place.disk = place.server.data
            with place.admin() as admin:
                admin.execute(f"CREATE DATABASE {name}")
            if wish.standby:
                place.replicate(wish.standby == "synchronous")
                stack.callback(place.stop_all)
            else:
                stack.callback(place.drop)
            if wish.wire:
                place.reach_through(stack.enter_context(Proxy(place.server.port)))
            yield place

    def _server(self, stack: contextlib.ExitStack, wish: Wish) -> Server:
        """Return the common server, or a fresh one where that must be special."""
        if not (wish.small_disk or wish.movable_clock or wish.standby):
            if self._shared is None:
                self._shared = _started(self._stack, Wish())
            return self._shared
        return _started(stack, wish)


def _started(stack: contextlib.ExitStack, wish: Wish) -> Server:
    home = stack.enter_context(postgresql_server.folder())
    environment = Clock(home).environment if wish.movable_clock else {}
    if wish.small_disk:
        stack.enter_context(small_disk(home / "data", "128m"))
    server = Server(home, SETTINGS, environment=environment)
    server.create(*(["--wal-segsize=1"] if wish.small_disk else []))
    stack.callback(server.stop)
    server.start()
    return server
