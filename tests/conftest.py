"""Real databases for every test that wants one: SQLite always, two servers started once a run."""

import contextlib
import io
import os
import resource
import shutil
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from connector.db.engine import Database
from connector.db.schema import migrations
from tests import mariadb_server, memory

ENGINES = ("sqlite", "postgresql", "mariadb")

SERVER = "CONNECTOR_TEST_POSTGRESQL"
"""Environment variable with the URL of a server to use instead of starting one."""


@pytest.fixture(scope="session")
def postgresql() -> Iterator[sa.URL]:
    """The URL of a real PostgreSQL server, started in a temporary folder for this run."""
    if url := os.environ.get(SERVER):
        yield sa.make_url(url)
        return
    from tests.postgresql_server import start

    with start(memory.place()) as url:
        yield sa.make_url(url)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[sa.URL]:
    """The URL of a real MariaDB server, started in a temporary folder for this run.

    Where it is not installed, its tests are skipped at home and fail in CI.
    """
    if not mariadb_server.installed():
        if os.environ.get("CI"):
            pytest.fail("MariaDB is not installed: apt-get install mariadb-server")
        pytest.skip("MariaDB is not installed: apt-get install mariadb-server")
    with mariadb_server.start(memory.place()) as url:
        yield sa.make_url(url)


def fresh_url(
    engine: str, request: pytest.FixtureRequest, folder: Path, *, migrated: bool = False
) -> str:
    """Return the URL of an empty database of the named engine, or of a migrated one.

    It is there until the end of the fixture or test that asks for it by `request`.
    """
    if engine == "sqlite":
        path = folder / "connector.db"
        if migrated:
            shutil.copy(_template(engine, request), path)
        return f"sqlite:///{path}"
    server: sa.URL = request.getfixturevalue(engine)
    name = f"test_{uuid.uuid4().hex}"
    url = server.set(drivername=engine, database=name).render_as_string(hide_password=False)
    copied = migrated and engine == "postgresql"
    copy = f" TEMPLATE {_template(engine, request)}" if copied else ""
    _on_server(engine, server, f"CREATE DATABASE {name}{copy}")
    force = " WITH (FORCE)" if engine == "postgresql" else ""
    request.addfinalizer(partial(_on_server, engine, server, f"DROP DATABASE {name}{force}"))
    if migrated and engine == "mariadb":
        mariadb_server.restore(server, name, _template(engine, request))
    return url


def _on_server(engine: str, server: sa.URL, statement: str) -> None:
    driver = {"mariadb": "mariadb+pymysql", "postgresql": "postgresql+psycopg"}[engine]
    server_url = server.set(drivername=driver)
    admin = sa.create_engine(server_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        connection.exec_driver_sql(statement)
    admin.dispose()


_templates: dict[str, str] = {}


def _template(engine: str, request: pytest.FixtureRequest) -> str:
    """Return a migrated database to copy, made once a process: a file, a name, or a dump."""
    if engine not in _templates:
        if engine == "sqlite":
            folder = request.getfixturevalue("tmp_path_factory").mktemp("template")
            _migrated(f"sqlite:///{folder}/template.db")
            _templates[engine] = f"{folder}/template.db"
        else:
            server: sa.URL = request.getfixturevalue(engine)
            name = f"template_{uuid.uuid4().hex}"
            _on_server(engine, server, f"CREATE DATABASE {name}")
            url = server.set(drivername=engine, database=name)
            _migrated(url.render_as_string(hide_password=False))
            dumped = engine == "mariadb"  # which cannot copy a database by itself
            _templates[engine] = mariadb_server.dump(server, name) if dumped else name
    return _templates[engine]


def _migrated(url: str) -> None:
    opened = Database(url, application="test")
    migrate(opened)
    opened.close()


def migrate(database: Database) -> None:
    """Run the migrations, as `webex-connector migrate` does."""
    config = Config()
    config.set_main_option("script_location", str(migrations()))
    config.attributes["database"] = database
    with contextlib.redirect_stdout(io.StringIO()):  # what it locks is for whoever waits for it
        command.upgrade(config, "head")


@pytest.fixture(params=ENGINES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once for each engine; beside `database`, of that one."""
    migrated = "database" in request.fixturenames
    return fresh_url(request.param, request, tmp_path, migrated=migrated)


@pytest.fixture
def database(empty_url: str) -> Iterator[Database]:
    """A migrated database, once for each engine."""
    opened = Database(empty_url, application="test")
    yield opened
    opened.close()


@pytest.fixture
def many_files() -> Iterator[None]:
    """Have so many files open that the next is one that select() does not know."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    with contextlib.ExitStack() as opened:
        opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(1024):
            opened.callback(os.close, os.dup(0))
        yield
