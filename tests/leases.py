"""Leases for tests that claim without a worker process."""

import contextlib
from collections.abc import Iterator

from connector.db.engine import Database
from connector.jobs import workers


def register(database: Database, worker: str, queue: str = "Test") -> None:
    """Give a worker a lease."""
    me = workers.Worker(worker, "host", "boot", 1, "0", {})
    database.run(workers.register, me, {queue: 60.0})


@contextlib.contextmanager
def alive(database: Database, worker: str) -> Iterator[None]:
    """Give a worker a lease for a while, unless it has one."""
    if worker in database.read(workers.beats):
        yield
        return
    register(database, worker)
    yield
    database.run(workers.evict, worker)
