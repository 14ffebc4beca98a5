"""MariaDB under test: one server for most faults, one of its own where a fault is about it."""

import contextlib
import os
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import psutil
import pymysql
import sqlalchemy as sa

from tests import mariadb_server
from tests.chaos.places import Clock, Engine, ServerPlace, Wish, eventually, small_disk
from tests.proxy import Proxy

OPTIONS = {
    "max-connections": "60",
    # As an operator has it: what was confirmed outlives the server's end.
    "innodb-flush-log-at-trx-commit": "1",
}
USER = "connector"


class MariaDBPlace(ServerPlace):
    """One database on one server, with a user of its own: the owner may write where nobody may."""

    def __init__(self, port: int, name: str) -> None:
        self.port, self.name = port, name
        self.url = f"mariadb://{USER}@127.0.0.1:{port}/{name}"
        self.direct = f"mariadb://root@127.0.0.1:{port}/{name}"
        self._restarted: subprocess.Popen[bytes] | None = None

    def reach_through(self, wire: Proxy) -> None:
        """Have programs use the wire."""
        self.wire = wire
        self.url = f"mariadb://{USER}@127.0.0.1:{wire.port}/{self.name}"

    def create(self) -> None:
        """Make the database and the programs' user."""
        with self.admin() as cursor:
            cursor.execute(f"CREATE DATABASE {self.name}")
            cursor.execute(f"CREATE USER IF NOT EXISTS {USER}@'%'")
            cursor.execute(f"GRANT ALL ON {self.name}.* TO {USER}@'%'")

    def drop(self) -> None:
        """Remove the database."""
        with self.admin() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {self.name}")

    def connect(self, user: str = "root") -> "pymysql.Connection[Any]":
        """Connect to the server."""
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user=user, autocommit=True, connect_timeout=2
        )

    @contextlib.contextmanager
    def admin(self) -> Iterator[Any]:
        """Give statements to the server as its owner."""
        connection = self.connect()
        with contextlib.closing(connection), connection.cursor() as cursor:
            yield cursor

    def _process(self) -> psutil.Process | None:
        mark = f"--port={self.port}"
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if mark in process.cmdline() and "mariadbd" in process.name():
                    return process
        return None

    def _answers(self) -> bool:
        with contextlib.suppress(pymysql.err.OperationalError):
            self.connect().close()
            return True
        return False

    @contextlib.contextmanager
    def restart(self) -> Iterator[None]:
        """End the server as a crash does; start it at the end."""
        process = self._process()
        assert process is not None
        command, folder = process.cmdline(), process.cwd()
        process.kill()
        process.wait(20)
        yield
        with open(Path(folder) / "restarted.log", "ab") as log:
            self._restarted = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        eventually("the server answers", self._answers)

    def start(self) -> None:
        """Wait until the server answers: a full disk makes it wait, not end."""
        eventually("the server answers", self._answers)

    def stop(self) -> None:
        """End what was started here; the first one has its own end."""
        if self._restarted is not None:
            self._restarted.terminate()
            self._restarted.wait(20)

    def terminate_one(self) -> None:
        """End one of the programs' connections, any."""
        with self.admin() as cursor:
            self._kill(cursor, "ORDER BY rand() LIMIT 1")

    def _kill(self, cursor: Any, which: str) -> int:
        cursor.execute(
            f"SELECT id FROM information_schema.processlist WHERE user = '{USER}' {which}"
        )
        found = cursor.fetchall()
        for (number,) in found:
            with contextlib.suppress(pymysql.err.OperationalError):
                cursor.execute(f"KILL {number}")
        return len(found)

    @contextlib.contextmanager
    def fill_connections(self) -> Iterator[None]:
        """Take every connection that the server allows, those of the programs too."""
        with contextlib.ExitStack() as stack:
            cursor = stack.enter_context(self.admin())
            ended = 1
            while ended:
                with contextlib.suppress(pymysql.err.OperationalError):
                    while True:
                        stack.callback(self.connect().close)
                ended = self._kill(cursor, "")
            yield

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        """Have the server refuse writes, in sessions that are open too."""
        with self.admin() as cursor:
            cursor.execute("SET GLOBAL read_only = 1")
            try:
                yield
            finally:
                cursor.execute("SET GLOBAL read_only = 0")

    @contextlib.contextmanager
    def hold_snapshot(self) -> Iterator[None]:
        """Keep a transaction open that has read: no old version can be purged meanwhile."""
        with self.admin() as cursor:
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            cursor.execute(f"SELECT count(*) FROM {self.name}.jobs")
            yield
            cursor.execute("ROLLBACK")


class MariaDB(Engine):
    """MariaDB from the machine's own programs."""

    name = "mariadb"
    lacks: ClassVar[Mapping[str, str]] = {
        "standby": "not claimed: its semi-synchronous replication goes on without the standby",
    }

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._shared = 0

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def missing(self) -> str | None:
        """Say what to install."""
        return None if mariadb_server.installed() else "apt-get install mariadb-server"

    @contextlib.contextmanager
    def place(self, folder: Path, wish: Wish) -> Iterator[MariaDBPlace]:
        """Make a database on the common server, or on a fresh one where that must be special."""
        with contextlib.ExitStack() as stack:
            clock = disk = None
            if wish.movable_clock or wish.small_disk:
                home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="webex-chaos-")))
                home.chmod(0o755)
                if wish.movable_clock:
                    clock = Clock(home)
                if wish.small_disk:
                    disk = home / "disk"
                    stack.enter_context(small_disk(disk, "320m"))
                port = _started(stack, clock, disk)
            else:
                self._shared = self._shared or _started(self._stack)
                port = self._shared
            place = MariaDBPlace(port, f"chaos_{uuid.uuid4().hex}")
            place.clock, place.disk = clock, disk
            place.create()
            stack.callback(place.drop)
            self._stack.callback(place.stop)
            if wish.wire:
                place.reach_through(stack.enter_context(Proxy(port)))
            yield place


def _started(
    stack: contextlib.ExitStack, clock: Clock | None = None, disk: Path | None = None
) -> int:
    """Start a server that sees the clock and has its data on the disk; return its port."""
    with (
        mock.patch.dict(os.environ, clock.environment if clock else {}),
        mock.patch.object(tempfile, "tempdir", str(disk) if disk else tempfile.gettempdir()),
    ):
        url = stack.enter_context(mariadb_server.start(None, **OPTIONS))
    port = sa.make_url(url).port
    assert port is not None
    return port
