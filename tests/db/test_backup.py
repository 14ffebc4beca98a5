"""Backup and restore as docs/dba.md tells: every row comes back, and the guard with it."""

import sqlite3
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from connector.db.engine import Database
from connector.db.metadata import metadata
from connector.db.schema import check
from connector.jobs import operate, workers
from connector.jobs.states import State
from tests import postgresql_server, sql_scripts
from tests.conftest import fresh_url
from tests.jobs.conftest import WORKER, Jobs

APART = ("job_transitions", "schema_info", "alembic_version")
"""Tables that migrations fill: a restore of data alone leaves them out."""


@pytest.fixture
def filled(database: Database) -> Jobs:
    """A database with a job in each state, a worker, and a trail."""
    kit = Jobs(database)
    kit.register(WORKER)
    for state in reversed(State):
        token, _ = kit.in_state(state)
    kit.by_hand(token, priority=3)
    return kit


@pytest.fixture
def target(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database beside the filled one."""
    folder = tmp_path / "target"
    folder.mkdir()
    yield fresh_url(database.dialect.name, request, folder)


def rows(database: Database) -> dict[str, set[str]]:
    """Return every row of every table, as texts."""
    with database.engine.connect() as connection:
        return {
            table.name: {str(tuple(row)) for row in connection.execute(sa.select(table))}
            for table in metadata.sorted_tables
        }


def compared(filled: Jobs, url: str) -> None:
    """Compare a restored database with the one it was made from, and use it."""
    restored = Database(url, application="test")
    try:
        check(restored)
        assert rows(restored) == rows(filled.database)
        kit = Jobs(restored)
        running = next(iter(restored.read(workers._orphans, 9, ())), None)
        assert running is None, "its worker is restored with it"
        assert restored.run(operate.restored, "", "cli me")
        assert workers.rescue(restored, "cli me")
        restored.run(operate.resume_queue, "Test", "cli me")
        token, _ = kit.in_state(State.FINISHED)
        with pytest.raises(DBAPIError, match="legal"):
            kit.by_hand(token, state="running", ended_at=None)
    finally:
        restored.close()


def dump(url: str, *options: str) -> str:
    program = postgresql_server.programs() / "pg_dump"
    done = subprocess.run([program, *options, url], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("empty_url", ["postgresql"], indirect=True)
def test_a_whole_dump_of_postgresql(filled: Jobs, empty_url: str, target: str) -> None:
    sql_scripts.run(target, dump(empty_url, "--schema=webex_connector"))
    compared(filled, target)


@pytest.mark.parametrize("empty_url", ["postgresql"], indirect=True)
def test_a_dump_of_data_alone_into_a_migrated_database(
    filled: Jobs, empty_url: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    target = fresh_url("postgresql", request, tmp_path, migrated=True)
    without = [f"--exclude-table-data=webex_connector.{table}" for table in APART]
    data = dump(empty_url, "--data-only", "--schema=webex_connector", *without)
    guard = "ALTER TABLE webex_connector.jobs {} TRIGGER jobs_guard_insert;\n"
    sql_scripts.run(target, f"BEGIN;\n{guard.format('DISABLE')}{data}")
    with pytest.raises(AssertionError, match="a job begins as queued"):
        sql_scripts.run(target, data)
    target = fresh_url("postgresql", request, tmp_path, migrated=True)
    script = f"BEGIN;\n{guard.format('DISABLE')}{data}\n{guard.format('ENABLE')}COMMIT;\n"
    sql_scripts.run(target, script)
    compared(filled, target)


@pytest.mark.parametrize("empty_url", ["mariadb"], indirect=True)
def test_a_whole_dump_of_mariadb(filled: Jobs, empty_url: str, target: str) -> None:
    url = sa.make_url(empty_url)
    at = ["--host", str(url.host), "--port", str(url.port), "--user", str(url.username)]
    done = subprocess.run(
        [
            "mariadb-dump",
            "--no-defaults",
            "--protocol=TCP",
            *at,
            "--single-transaction",
            "--routines",
        ]
        + [str(url.database)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    sql_scripts.run(target, done.stdout)
    compared(filled, target)


@pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("way", ["backup", "VACUUM INTO"])
def test_a_copy_of_sqlite_while_it_is_written_to(
    filled: Jobs, empty_url: str, tmp_path: Path, way: str
) -> None:
    copy = tmp_path / f"{uuid.uuid4().hex}.db"
    source = sqlite3.connect(str(sa.make_url(empty_url).database))
    filled.submit()  # what was written last is in the log beside the file
    if way == "backup":
        with sqlite3.connect(copy) as into:
            source.backup(into)
        into.close()
    else:
        source.execute("VACUUM INTO ?", (str(copy),))
    source.close()
    compared(filled, f"sqlite:///{copy}")
