"""A PostgreSQL server of the guard's own: it writes what it is asked for and nothing else."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from connector.db.engine import Database
from tests import memory
from tests.conftest import fresh_url, migrate
from tests.postgresql_server import OPTIONS, Server, folder

QUIET = {
    **OPTIONS,
    "autovacuum": "off",
    # An image of a page is written at its first change after a checkpoint: how many there are
    # depends on when that was, and not on us.
    "full_page_writes": "off",
    "checkpoint_timeout": "1d",
    "max_wal_size": "8GB",
    "log_statement": "all",
    "log_parameter_max_length": "0",
    "log_line_prefix": "%d|",
}


@pytest.fixture(scope="session")
def quiet_server() -> Iterator[Server]:
    with folder(memory.place()) as path:
        server = Server(path, QUIET)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def fresh(server: Server) -> Iterator[Database]:
    """Yield a migrated database of a server."""
    name = f"guard_{uuid.uuid4().hex}"
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
    opened = Database(f"{server.url.rpartition('/')[0]}/{name}", application="test")
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated SQLite database."""
    opened = Database(fresh_url("sqlite", request, tmp_path, migrated=True), application="test")
    yield opened
    opened.close()
