"""The PostgreSQL server on which ours and the others are measured in turns."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from benchmarks import rig
from benchmarks.results import Settings
from tests.postgresql_server import start

PREFIX = "bench_ours_"
SHOWN = ("server_version", "synchronous_commit", "fsync", "shared_buffers", "full_page_writes")


@dataclass(frozen=True)
class Server:
    """A server, by the URL before its databases' names."""

    base: str

    def fresh(self, name: str) -> str:
        """Return the URL of a database of this name that is empty."""
        self.drop(name)
        return self.kept(name)

    def kept(self, name: str) -> str:
        """Return the URL of a database of this name as it is, or of a new one."""
        if not self._ask(f"SELECT 1 FROM pg_database WHERE datname = '{PREFIX}{name}'"):
            self._ask(f"CREATE DATABASE {PREFIX}{name}")
        return f"{self.base}/{PREFIX}{name}"

    def drop(self, name: str) -> None:
        self._ask(f"DROP DATABASE IF EXISTS {PREFIX}{name} WITH (FORCE)")

    def names(self) -> list[str]:
        """Return the names of the databases that are there."""
        rows = self._ask(f"SELECT datname FROM pg_database WHERE starts_with(datname, '{PREFIX}')")
        return [name.removeprefix(PREFIX) for (name,) in rows]

    def settings(self) -> Settings:
        """Return what figures depend on."""
        return {name: self._ask(f"SHOW {name}")[0][0] for name in SHOWN}

    def _ask(self, statement: str) -> list[tuple[str, ...]]:
        with psycopg.connect(f"{self.base}/postgres", autocommit=True) as connection:
            found = connection.execute(statement.encode())
            return found.fetchall() if found.description else []


@contextmanager
def server() -> Iterator[Server]:
    """Yield the server that BENCH_PG names, the rig's, or one that is there for the block."""
    if base := os.environ.get("BENCH_PG") or rig.server():
        yield Server(base)
        return
    with start(fsync="on", shared_buffers="512MB") as url:
        yield Server(url.rpartition("/")[0])
