"""A filler with slots that only take, on a real database: what is claimed, and who is given it."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.config import Settings
from connector.db.engine import Database
from connector.jobs import reading, submit
from connector.jobs.job import NewJob, Run
from connector.jobs.states import State
from connector.jobs.tables import jobs
from connector.jobs.token import new_token
from connector.worker.filling import Filler
from connector.worker.lease import Lease
from connector.worker.recording import Recorder
from tests.plugin.test_actions_plugin import Test

ROOM = 16


class Taking:
    """A slot that keeps what it is given."""

    open, ending, began = True, None, 0.0

    def __init__(self, room: dict[Any, int]) -> None:
        self._room = room
        self.given: list[str] = []
        self.run: Run | None = None
        self.behind: list[Run] = []

    @property
    def idle(self) -> bool:
        return self.run is None

    def give(self, runs: Sequence[Run], now: float) -> None:
        self.given += [run.token for run in runs]
        self.run = runs[0]
        self._room.pop(self, None)


class Bench:
    """A filler with two slots, the first of which has room for ROOM runs at each `fill`."""

    def __init__(
        self, database: Database, beats: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = Settings.model_validate(
            {"database": {"url": "sqlite:////unused"}, "paths": {"data_directory": folder}}
        )
        self.database = database
        self.room: dict[Any, int] = {}
        self.slots = [Taking(self.room), Taking(self.room)]
        self.told = threading.Event()
        slots: list[Any] = self.slots
        self.recorder = Recorder(database, settings)
        self.filler = Filler(
            settings, {"Test": Test()}, database, slots, self.recorder, told=self.told.set
        )
        self.lease = Lease(database, folder, 15.0, {"Test": 2}, [], beats=beats)
        self.lease.register()
        self.filler.took("Test", 1e-6)
        self.filler.told_all()
        monkeypatch.setattr(self.filler, "_room", lambda queue, at_once=False: dict(self.room))

    def store(self, count: int, priority: int = 0) -> list[str]:
        new = [NewJob(new_token(), "Test", {}, priority=priority) for _ in range(count)]
        self.database.run(submit.submit, new)
        return [job.token for job in new]

    def fill(self, now: float) -> None:
        self.room[self.slots[0]] = ROOM
        self.filler.fill(self.lease, now, lambda: None)

    def collected(self, now: float, keep: bool = False) -> None:
        """Wait for the claim beside and collect it."""
        assert self.told.wait(20)
        self.told.clear()
        assert self.filler.collect(self.lease, now, keep)

    def ranks(self, tokens: Sequence[str]) -> set[int]:
        rank = sa.select(jobs.c.rank).where(jobs.c.token.in_(tokens))
        return set(self.database.read(lambda tx: tx.execute(rank).scalars().all()))

    def states(self, tokens: Sequence[str]) -> set[State]:
        return {job.state for job in self.database.read(reading.get, tokens).values()}


def at_it(bench: Bench, more: int = 100) -> list[str]:
    """Have a first claim made, after which there is much, and the next begun beside."""
    tokens = bench.store(ROOM + more)
    bench.fill(10.0)
    assert bench.slots[0].given == tokens[:ROOM]
    assert not bench.filler.collect(bench.lease, 10.0)
    bench.fill(10.001)
    assert bench.filler._claimer.under_way == "Test"
    return tokens
