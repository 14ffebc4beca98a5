"""A worker that ends its runs because its lease may have lapsed, when nobody has taken over.

Whoever ends a run must see to it that somebody goes on with the job.
"""

import os
import subprocess
import time
from pathlib import Path

import pytest

from connector.config import Settings
from connector.db.engine import Database
from connector.jobs import reading
from connector.jobs.job import NewJob
from connector.jobs.states import State
from connector.jobs.submit import submit
from connector.jobs.token import new_token
from connector.worker.channel import Channel
from connector.worker.lease import Lease
from connector.worker.slots import Slot
from connector.worker.worker import Worker


def sleeping(settings: Settings, now: float) -> Slot:
    """Return a slot that takes runs and never says anything."""
    channel, theirs = Channel.pair()
    with theirs:
        process = subprocess.Popen(["sleep", "60"], pass_fds=[theirs.fileno()])
    stacks = os.memfd_create("stacks")
    return Slot(process, channel, os.pidfd_open(process.pid), stacks, ready=True, heard=now)


@pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
def test_a_worker_that_stood_still_hands_back_the_runs_it_ended(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    settings = Settings.model_validate(
        {
            "database": {"url": "sqlite:////unused"},
            "paths": {"data_directory": tmp_path},
            "actions": {"maximum_threads": 1},
        }
    )
    lease = Lease(database, tmp_path, 15.0, {"Test": 1}, [], clock=lambda: clock[0])
    monkeypatch.setattr(Slot, "start", sleeping)
    # The children of this process that the worker does not know are the tests' database servers.
    monkeypatch.setattr("connector.worker.worker.kill_orphans", lambda known: 0)
    worker = Worker(settings, {"Test": object()}, database, lease)  # type: ignore[dict-item]
    lease.register()
    token = new_token()
    database.run(submit, [NewJob(token, "Test", {})])

    def attempt() -> int:
        worker.turn()
        return database.read(reading.get, [token])[token].attempt

    try:
        until = time.monotonic() + 10
        while attempt() < 1 and time.monotonic() < until:
            pass
        clock[0] += 20.0  # the whole host stands still, and nobody is there to take over
        assert lease.lost
        until = time.monotonic() + 10
        while attempt() < 2 and time.monotonic() < until:
            pass
        job = database.read(reading.get, [token])[token]
        assert (job.attempt, job.state) == (2, State.RUNNING), "nobody goes on with it"
    finally:
        for slot in worker.slots:
            slot.kill()
            slot.process.wait()
            slot.close()
        lease.end()
        worker._rest.close()
