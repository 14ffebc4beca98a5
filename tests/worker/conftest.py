"""Workers' parts on real databases: SQLite where the engine does not matter."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.db.engine import Database
from connector.jobs import claim, submit, workers
from connector.jobs.job import NewJob, Run
from connector.jobs.token import new_token
from tests.conftest import fresh_url, migrate
from tests.worker.claims import Bench
from tests.worker.listener import Listener


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Database]:
    """A migrated SQLite database."""
    database = Database(f"sqlite:///{tmp_path / 'connector.db'}", application="test")
    migrate(database)
    yield database
    database.close()


@pytest.fixture(params=["postgresql", "mariadb"])
def rows_lock(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated database of an engine that locks rows."""
    url = fresh_url(request.param, request, tmp_path)
    database = Database(url, application="test", pool_size=4)
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def bench(
    empty_url: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    """A filler whose claims are made beside, and what it needs."""
    made = Bench(database, Database(empty_url, application="beats"), tmp_path, monkeypatch)
    yield made
    made.filler.collect(made.lease, 20.0, True)
    made.lease.end()


@pytest.fixture
def listener() -> Iterator[Listener]:
    """An HTTP server that notes what is posted to it."""
    with Listener() as made:
        yield made


def running(database: Database, count: int, queue: str = "T") -> list[Run]:
    """Store so many jobs and claim them for a worker that lives."""
    worker = new_token()
    database.run(
        workers.register, workers.Worker(worker, "host", "boot", 1, "0", {}), {queue: 60.0}
    )
    database.run(submit.submit, [NewJob(new_token(), queue, {}) for _ in range(count)])
    return database.run(claim.claim, queue, worker, count)
