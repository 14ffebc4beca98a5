"""Slots that cannot begin are not started in a storm."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from connector.config import Settings
from connector.db.engine import Database
from connector.db.errors import Unavailable
from connector.jobs import outcomes, submit
from connector.jobs.job import NewJob, Run
from connector.jobs.token import new_token
from connector.worker import hostlock
from connector.worker.filling import Filler
from connector.worker.lease import Lease
from connector.worker.recording import Recorder
from tests.plugin.test_actions_plugin import Test


class Taking:
    """A free slot that keeps what it is given."""

    idle, run = True, None

    def __init__(self) -> None:
        self.given: list[str] = []

    def give(self, runs: Sequence[Run], now: float) -> None:
        self.given += [run.token for run in runs]


class OnTasks(Test):
    """Works on the task that it names."""

    def tasks_of(self, parameters: object) -> tuple[str, ...]:
        return ("A",)


def test_a_head_that_may_not_run_keeps_nothing_of_low_priority_from_a_free_slot(
    file: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.model_validate(
        {
            "database": {"url": "sqlite:////unused"},
            "paths": {"data_directory": tmp_path},
            "tasks": [{"name": name, "ingest_directory": tmp_path / name} for name in "AB"],
        }
    )
    slots = [Taking(), Taking()]
    filler = Filler(settings, {"Test": OnTasks()}, file, slots, Recorder(file, settings))  # type: ignore[arg-type]
    tokens = [new_token() for _ in range(3)]
    lease = Lease(file, tmp_path, 15.0, {"Test": 2}, ["A", "B"])
    lease.register()
    file.run(submit.submit, [NewJob(tokens[0], "Test", {}, tasks=("A",))])
    filler.fill(lease, 0.0, lambda: None)
    low = NewJob(tokens[2], "Test", {}, tasks=("B",), priority=-100)
    file.run(submit.submit, [NewJob(tokens[1], "Test", {}, tasks=("A",)), low])
    filler.fill(lease, 0.0, lambda: None)
    lease.end()
    assert sorted(token for slot in slots for token in slot.given) == [tokens[0], tokens[2]]


def test_of_a_queue_that_has_much_the_head_is_looked_at_again_when_there_is_news_of_it(
    file: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.model_validate(
        {"database": {"url": "sqlite:////unused"}, "paths": {"data_directory": tmp_path}}
    )
    slot, runs = Taking(), []
    recorder = Recorder(file, settings)
    filler = Filler(settings, {"Test": Test()}, file, [slot], recorder)  # type: ignore[list-item]
    room: dict[Taking, int] = {}
    monkeypatch.setattr(filler, "_room", lambda queue, at_once=False: dict(room))

    def give(given: Sequence[Run], now: float) -> None:
        runs.append(given)
        room.clear()

    monkeypatch.setattr(slot, "give", give)
    tokens = [new_token() for _ in range(80)]
    file.run(submit.submit, [NewJob(token, "Test", {}) for token in tokens])
    lease = Lease(file, tmp_path, 15.0, {"Test": 2}, [])
    lease.register()
    for now in (10.0, 10.01, 10.02, 10.03, 10.04, 10.05, 10.06):
        if now == 10.02:
            file.run(outcomes.release, runs[0][0], "it was handed back")
        if now == 10.03:
            filler.heard({""})
        room[slot] = 16
        filler.fill(lease, now, lambda: None)
    lease.end()
    given = [[run.token for run in each] for each in runs]
    assert given[:3] == [tokens[start : start + 16] for start in (0, 16, 32)]
    assert given[3:] == [[tokens[0]], tokens[48:56], tokens[56:72], tokens[72:80]]


def test_a_lease_that_cannot_be_given_back_keeps_its_lock_for_others_to_see(
    file: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = Lease(file, tmp_path, 15.0, {"Test": 2}, [])
    lease.register()
    away = Unavailable("away")

    def fails(*_: object) -> None:
        raise away

    with monkeypatch.context() as patched, pytest.raises(Unavailable):
        patched.setattr(file, "run", fails)
        lease.end()
    assert hostlock.path_of(tmp_path, lease.worker_id).exists()
    lease.end()
    assert not hostlock.path_of(tmp_path, lease.worker_id).exists()
