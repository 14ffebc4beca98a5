"""Real databases for every test that wants one: SQLite always, PostgreSQL started once a run."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from connector.db.engine import Database
from connector.db.schema import migrations

SERVER = "CONNECTOR_TEST_POSTGRESQL"
"""Environment variable with the URL of a server to use instead of starting one."""


@pytest.fixture(scope="session")
def postgresql() -> Iterator[sa.URL]:
    """The URL of a real PostgreSQL server, started in a temporary folder for this run."""
    if url := os.environ.get(SERVER):
        yield sa.make_url(url)
        return
    from tests.postgresql_server import start

    with start() as url:
        yield sa.make_url(url)


def fresh_url(engine: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """Return the URL of an empty database of the named engine."""
    if engine == "sqlite":
        return f"sqlite:///{folder / 'connector.db'}"
    server: sa.URL = request.getfixturevalue("postgresql")
    name = f"test_{uuid.uuid4().hex}"
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return server.set(drivername="postgresql", database=name).render_as_string(hide_password=False)


def migrate(database: Database) -> None:
    """Run the migrations, as `webex-connector migrate` does."""
    config = Config()
    config.set_main_option("script_location", str(migrations()))
    config.attributes["database"] = database
    command.upgrade(config, "head")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once for each engine."""
    return fresh_url(request.param, request, tmp_path)


@pytest.fixture
def database(empty_url: str) -> Iterator[Database]:
    """A migrated database, once for each engine."""
    opened = Database(empty_url, application="test")
    migrate(opened)
    yield opened
    opened.close()
