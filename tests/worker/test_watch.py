"""Slots that are watched: one that does not begin is killed, and so replaced."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.config import Settings
from connector.worker.channel import Channel
from connector.worker.slots import BEGIN, Slot
from connector.worker.watch import Watch


@pytest.fixture
def slot() -> Iterator[Slot]:
    ours, theirs = Channel.pair()
    process = subprocess.Popen(["sleep", "600"])
    stacks = os.memfd_create("stacks")
    slot = Slot(process, ours, os.pidfd_open(process.pid), stacks, heard=time.monotonic())
    yield slot
    process.kill()
    process.wait()
    theirs.close()
    slot.close()


def test_one_that_never_begins_is_killed(slot: Slot, tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"database": {"url": "sqlite:////unused"}, "paths": {"data_directory": tmp_path}}
    )
    watch = Watch(settings, {})
    watch.enforce([slot], slot.heard + BEGIN - 1.0)
    assert slot.reaped() is None and watch.next([slot]) == slot.heard + BEGIN
    watch.enforce([slot], slot.heard + BEGIN)
    assert slot.process.wait(10) == -9


def test_one_that_has_begun_is_left_alone(slot: Slot, tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"database": {"url": "sqlite:////unused"}, "paths": {"data_directory": tmp_path}}
    )
    slot.ready = True
    watch = Watch(settings, {})
    watch.enforce([slot], slot.heard + 10 * BEGIN)
    assert slot.reaped() is None and watch.next([slot]) == float("inf")
