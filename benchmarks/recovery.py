"""How long an action that was interrupted waits until it runs again."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

import psutil

from benchmarks.stops import PLUGIN
from connector.db.engine import Database
from connector.jobs import requests, submit
from connector.jobs.job import NewJob
from connector.jobs.token import new_token
from tests.conftest import migrate
from tests.postgresql_server import start

RUNS = int(os.environ.get("BENCH_RUNS", "10"))
DEADLINE = 60.0


class Host:
    """`webex-connector work` with a folder of its own, which makes it a host of its own."""

    def __init__(self, url: str, folder: Path, lease: float) -> None:
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(PLUGIN), os.environ.get("PYTHONPATH", ".")]),
            "CONNECTOR_DATABASE_URL": url,
            "CONNECTOR_PATHS_DATADIRECTORY": str(folder),
            "CONNECTOR_WORKER_LEASESECONDS": str(lease),
            "CONNECTOR_LOGGING_LOGLEVEL": "Critical",
        }
        self.start()

    def start(self) -> None:
        """Start it; it is at work when it has begun its first action."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "connector", "work"],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def family(self) -> list[psutil.Process]:
        """Return its processes, the supervisor first."""
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def kill(self) -> None:
        """Kill all its processes at once."""
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()

    def end(self) -> None:
        """End it in order."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


class Action:
    """An action that runs until it is stopped, and notes each start."""

    def __init__(self, database: Database, trace: Path) -> None:
        self.token, self._trace, self._database = new_token(), trace, database
        given = {"Do": "sleep", "Seconds": 600, "Times": 1, "Trace": str(trace)}
        database.run(submit.submit, [NewJob(self.token, "Test", given)])
        database.notify({"Test"})

    def started(self, attempt: int) -> tuple[int, float]:
        """Wait until this attempt has begun, and return its process and monotonic time."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            for line in self._trace.read_text().splitlines() if self._trace.exists() else []:
                word, _, number, pid, moment = line.split()
                if word == "start" and int(number) == attempt:
                    return int(pid), int(moment) / 1e9
            time.sleep(0.002)
        raise TimeoutError(f"attempt {attempt} has not begun within {DEADLINE:g} s")

    def stop(self) -> None:
        """End it, so that its slot is free for the next."""
        self._database.run(requests.stop, self.token, "benchmark")
        self._database.notify({""})


Break = Callable[[Host, int], float]
"""Interrupts the run of a process, and returns the moment from which its return is counted."""


def _slot(host: Host, pid: int) -> float:
    os.kill(pid, signal.SIGKILL)
    return time.monotonic()


def _worker(host: Host, pid: int) -> float:
    psutil.Process(pid).parent().kill()  # type: ignore[union-attr]
    return time.monotonic()


def whole_tree(host: Host, pid: int) -> float:
    host.kill()
    begun = time.monotonic()
    host.start()
    return begun


def run() -> None:
    """Print a row for each kind of loss."""
    print("PostgreSQL, from the loss until the action's code runs again\n")
    print(
        "| What is lost | Lease s | Runs | p50 s | Longest s | Bound s |\n|---|---|---|---|---|---|"
    )
    for name, bound, lose, busy in (
        ("a slot, another one is free", 0.5, _slot, 0),
        ("a slot, all are in use", 0.5, _slot, 1),
        ("a worker", 1.0, _worker, 0),
        ("all processes of a host, started again at once", 1.0, whole_tree, 0),
    ):
        _report(name, 15.0, RUNS, bound, partial(one_host, lose=lose, busy=busy))
    for lease, runs in ((2.0, RUNS), (15.0, max(1, RUNS // 3))):
        _report("a host, for good", lease, runs, lease * 4 / 3, partial(_two_hosts, lease=lease))


Measure = Callable[[str, Path, int], list[float]]


def _report(name: str, lease: float, runs: int, bound: float, measure: Measure) -> None:
    with tempfile.TemporaryDirectory() as folder, start(fsync="on") as url:
        database = Database(url, application="benchmark")
        migrate(database)
        database.close()
        times = sorted(measure(url, Path(folder), runs))
    figures = f"{median(times):.2f} | {times[-1]:.2f} | {bound:.2f}"
    print(f"| {name} | {lease:g} | {runs} | {figures} |", flush=True)


@contextlib.contextmanager
def _opened(url: str) -> Iterator[Database]:
    database = Database(url, application="benchmark")
    try:
        yield database
    finally:
        database.close()


def one_host(url: str, folder: Path, runs: int, lose: Break, busy: int) -> list[float]:
    """`busy`: how many of the two slots of its queue others use."""
    times = []
    host = Host(url, folder / "host", 15.0)
    with _opened(url) as database:
        for number in range(busy):
            Action(database, folder / f"busy{number}").started(1)
        for number in range(runs):
            action = Action(database, folder / f"trace{number}")
            pid, _ = action.started(1)
            time.sleep(2.5)  # all has begun, and runs steadily
            begun = lose(host, pid)
            times.append(action.started(2)[1] - begun)
            action.stop()
    host.end()
    return times


def _two_hosts(url: str, folder: Path, runs: int, lease: float) -> list[float]:
    times = []
    hosts = [Host(url, folder / f"host{n}", lease) for n in range(2)]
    with _opened(url) as database:
        for number in range(runs):
            action = Action(database, folder / f"trace{number}")
            pid, _ = action.started(1)
            time.sleep(2.0)  # both are at work, and have seen each other
            (mine,) = (h for h in hosts if pid in [process.pid for process in h.family()])
            mine.kill()
            begun = time.monotonic()
            times.append(action.started(2)[1] - begun)
            action.stop()
            mine.start()
    for host in hosts:
        host.end()
    return times
