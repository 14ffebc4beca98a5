"""Runs that end without an action's doing: somebody must go on with the job, without charge."""

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from connector.config import Settings
from connector.db.engine import Database
from connector.jobs import reading
from connector.jobs.job import Job, NewJob, Run
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


class Bench:
    """A worker of one slot, on a clock of its own, whose passes a test makes one by one."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.clock = 0.0
        self._database = database
        settings = Settings.model_validate(
            {
                "database": {"url": "sqlite:////unused"},
                "paths": {"data_directory": folder},
                "actions": {"maximum_threads": 1},
            }
        )
        self.lease = Lease(database, folder, 15.0, {"Test": 1}, [], clock=lambda: self.clock)
        actions: Any = {"Test": object()}
        self.worker = Worker(settings, actions, database, self.lease)
        self.lease.register()
        self.token = new_token()
        database.run(submit, [NewJob(self.token, "Test", {})])

    @property
    def job(self) -> Job:
        return self._database.read(reading.get, [self.token])[self.token]

    def until_attempt(self, attempt: int) -> Job:
        """Make passes until the job is claimed once more."""
        until = time.monotonic() + 10
        while self.job.attempt < attempt and time.monotonic() < until:
            self.worker.turn()
        assert (self.job.attempt, self.job.state) == (attempt, State.RUNNING), "nobody goes on"
        return self.job

    def close(self) -> None:
        for slot in self.worker.slots:
            slot.kill()
            slot.process.wait()
            slot.close()
        self.lease.end()
        self.worker._rest.close()


@pytest.fixture
def bench(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(Slot, "start", sleeping)
    # The children of this process that the worker does not know are the tests' database servers.
    monkeypatch.setattr("connector.worker.worker.kill_orphans", lambda known: 0)
    made = Bench(database, tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
def test_a_worker_that_stood_still_hands_back_the_runs_it_ended(bench: Bench) -> None:
    bench.until_attempt(1)
    bench.clock += 20.0  # the whole host stands still, and nobody is there to take over
    assert bench.lease.lost
    bench.until_attempt(2)


@pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
def test_a_run_that_its_slot_died_too_soon_to_begin_is_handed_on_and_was_no_try(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    give = Slot.give

    dead: list[Slot] = []

    def too_late(slot: Slot, runs: Sequence[Run], now: float) -> None:
        monkeypatch.setattr(Slot, "give", give)
        slot.process.kill()
        slot.process.wait()
        slot.give(runs, now)
        dead.append(slot)

    monkeypatch.setattr(Slot, "give", too_late)
    bench.until_attempt(1)
    until = time.monotonic() + 10
    while not any(slot.run for slot in bench.worker.slots if slot not in dead):
        assert time.monotonic() < until, "nobody goes on"
        bench.worker.turn()
    (run,) = [run for slot in bench.worker.slots for run in slot.runs]
    assert (run.token, run.attempt) == (bench.token, 1)
    assert (bench.job.state, bench.job.failures) == (State.RUNNING, 0)
