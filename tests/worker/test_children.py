"""Children of a supervisor: a worker loads at once, and begins when it is told to."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from connector.config import Settings, load
from connector.db.engine import Database
from connector.jobs import workers
from connector.process import kill_tree
from connector.worker import children
from connector.worker.children import Child
from connector.worker.slots import Slot


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.01)


@pytest.fixture
def settings(file: Database, tmp_path: Path) -> Settings:
    given = {"Database.URL": str(file.engine.url), "Paths.DataDirectory": str(tmp_path)}
    return load(None, {}, given, ["Fetch"]).settings


@pytest.fixture
def worker(settings: Settings) -> Iterator[Child]:
    child = children.worker(settings, 1)
    child.load()
    yield child
    if child.process is not None:
        kill_tree(child.process.pid)
        child.process.wait()
        child.close()


def family(child: Child) -> list[psutil.Process]:
    assert child.process is not None
    root = psutil.Process(child.process.pid)
    until(lambda: bool(root.children()), "it starts a slot while it loads")
    return [root, *root.children(recursive=True)]


def gone(processes: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


def test_a_worker_without_leave_touches_no_database_and_ends_when_dismissed(
    worker: Child, file: Database
) -> None:
    processes = family(worker)
    # Its slot is ready: by then the worker itself has little left to load.
    worker.listen()
    assert not worker.begun and worker.frozen_at() == float("inf")
    assert file.read(workers.listed) == []
    worker.dismiss()
    until(lambda: gone(processes), "a dismissed worker leaves nothing behind")
    assert worker.process is None and worker.leave is None


def test_a_worker_with_leave_registers(worker: Child, file: Database) -> None:
    worker.begin(time.monotonic())
    until(lambda: bool(file.read(workers.listed)), "it registers")

    def begun() -> bool:
        worker.listen()
        return worker.begun

    until(begun, "it shows that it moves")
    assert worker.frozen_at() < time.monotonic() + 60


def test_a_worker_that_dies_before_it_has_leave_is_started_again(worker: Child) -> None:
    assert worker.process is not None
    os.kill(worker.process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, worker.process.pid, os.WEXITED | os.WNOWAIT)
    worker.begin(now := time.monotonic())  # it cannot know yet
    assert worker.ended(now) == -signal.SIGKILL
    assert worker.start_at == now, "the first time at once"
    worker.begin(now)
    assert worker.process is not None and worker.leave is None


def test_a_worker_ends_if_its_supervisor_dies_before_it_gives_leave(worker: Child) -> None:
    processes = family(worker)
    assert worker.leave is not None
    os.close(worker.leave)  # as the kernel does then
    worker.leave = None
    until(lambda: gone(processes), "it ends by itself")


@pytest.mark.usefixtures("many_files")
def test_a_slot_begins_also_where_its_worker_has_many_files(settings: Settings) -> None:
    with contextlib.ExitStack() as after:
        slot = Slot.start(settings, time.monotonic())
        after.callback(slot.close)
        after.callback(slot.kill)
        until(lambda: bool(slot.messages()), "it is ready")
        slot.channel.end()
        assert slot.process.wait(30) == 0, "it has waited for what it is to run"
