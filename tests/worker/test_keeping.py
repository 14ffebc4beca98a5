"""When slots are started, and how often in vain."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connector.config import Settings
from connector.config.database import DatabaseSettings
from connector.config.paths import PathsSettings
from connector.worker.keeping import Keeper
from connector.worker.pace import LONG
from connector.worker.slots import Slot


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    settings = Settings(
        database=DatabaseSettings.model_validate({"url": "sqlite:///unused.db"}),
        paths=PathsSettings(data_directory=tmp_path),
    )
    return Keeper(settings, ["Test"], [])


def test_pauses_between_starts_grow_and_it_is_said_once(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[float] = []

    def cannot(settings: Settings, now: float) -> Slot:
        tries.append(now)
        raise OSError("no process can be started")

    monkeypatch.setattr(Slot, "start", cannot)
    now = 1000.0
    while len(tries) < 10:
        now += keeper.start(now)
    pauses = [later - earlier for earlier, later in zip(tries, tries[1:], strict=False)]
    assert pauses == [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert caplog.messages == ["slots cannot begin; tried again with growing pauses"]


def test_of_slots_that_were_started_together_one_failure_counts(
    keeper: Keeper, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        keeper.could_not_begin(started=1000.0, why="exit status 1", now=1001.0)
    assert not caplog.messages
    keeper.could_not_begin(started=1002.0, why="exit status 1", now=1003.0)
    assert len(caplog.messages) == 1, "this was the second"


def test_one_that_begins_ends_the_pauses(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        keeper.could_not_begin(started=1000.0 + number, why="", now=1000.5 + number)
    keeper.began()
    started: list[float] = []

    def starts(settings: Settings, now: float) -> Slot:
        started.append(now)
        raise OSError("not in this test")

    monkeypatch.setattr(Slot, "start", starts)
    keeper.start(1005.0)
    assert started == [1005.0]


def standing(idle: bool, began: float) -> Any:
    return SimpleNamespace(ready=True, ending=None, idle=idle, began=began)


def test_one_more_than_may_be_in_use_is_started_once_none_is_idle_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(
        database=DatabaseSettings.model_validate({"url": "sqlite:///unused.db"}),
        paths=PathsSettings(data_directory=tmp_path),
    )
    slots: list[Any] = []
    keeper = Keeper(settings, ["Test"], slots)
    monkeypatch.setattr(Slot, "start", lambda settings, now: standing(idle=True, began=now))
    most = settings.queue("Test").maximum_threads
    keeper.start(10.0)
    assert len(slots) == most
    slots[:] = [standing(idle=False, began=10.0) for _ in range(most)]
    assert keeper.start(10.0) == pytest.approx(LONG), "short ones end before another has begun"
    assert len(slots) == most
    for slot in slots:
        slot.began = 10.0 + LONG / 2  # at another short one: none has become idle
    assert keeper.start(10.0 + LONG) == float("inf")
    assert len(slots) == most + 1
    keeper.start(11.0)
    assert len(slots) == most + 1
