"""Migrations of a database in use: they keep nobody waiting, and can be repeated."""

import contextlib
import io
import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from connector.cli.migrating import upgrade
from connector.db.engine import Database
from connector.db.schema import check, migrations
from tests.system.conftest import eventually


@pytest.fixture
def first(empty_url: str) -> Iterator[Database]:
    """A database with the first revision, and room for several sessions."""
    database = Database(empty_url, application="migrate", statement_seconds=0.0, pool_size=4)
    config = Config()
    config.set_main_option("script_location", str(migrations()))
    config.attributes["database"] = database
    with contextlib.redirect_stdout(io.StringIO()):
        command.upgrade(config, "0001")
    yield database
    database.close()


class Upgrade(threading.Thread):
    """An upgrade to the newest revision, beside the test."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self.failed: Exception | None = None

    def run(self) -> None:
        try:
            upgrade(self._database)
        except SQLAlchemyError as error:
            self.failed = error


BUILDING = sa.text(
    "SELECT pid FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' "
    "AND wait_event_type = 'Lock' AND datname = current_database()"
)
STORE = sa.text(
    "INSERT INTO webex_connector.jobs (token, queue, state, priority, run_at, rank, attempt, "
    "failures, losses, parameters, changed_by, queued_at) VALUES (gen_random_uuid(), 'Test', "
    "'queued', 0, now(), 0, 0, 0, 0, '{}', 'test', now())"
)


@pytest.mark.parametrize("empty_url", ["postgresql"], indirect=True)
def test_an_index_waits_for_an_old_reader_and_keeps_no_writer_waiting(first: Database) -> None:
    with first.engine.connect() as reader, first.engine.connect() as other:
        reader.execution_options(isolation_level="REPEATABLE READ")
        reader.execute(sa.text("SELECT count(*) FROM webex_connector.schema_info"))
        running = Upgrade(first)
        running.start()
        other.execution_options(isolation_level="AUTOCOMMIT")
        (pid,) = eventually("it waits", lambda: other.execute(BUILDING).first())
        other.execute(STORE)
        other.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        running.join(30)
        assert running.failed is not None
        again = Upgrade(first)
        again.start()
        eventually("it waits again", lambda: other.execute(BUILDING).first())
        reader.rollback()
        again.join(30)
        assert again.failed is None and not again.is_alive()
    check(first)


@pytest.mark.parametrize("empty_url", ["mariadb"], indirect=True)
@pytest.mark.parametrize("table", ["jobs", "queues", "workers", "schema_info"])
def test_a_migration_that_was_broken_off_is_repeated(first: Database, table: str) -> None:
    with first.engine.connect() as reader:
        reader.execute(sa.text(f"SELECT count(*) FROM {table}"))
        running = Upgrade(first)
        running.start()
        running.join(30)
        if running.failed is not None:
            assert isinstance(running.failed, DBAPIError) and first.dialect.is_locked(
                running.failed
            )
        reader.rollback()
    upgrade(first)
    check(first)
