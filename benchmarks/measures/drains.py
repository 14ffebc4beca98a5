"""Drains: actions that are there, one worker or several, until all are recorded as finished."""

import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from functools import partial

import psutil

from benchmarks.measuring import Bench, Turn
from benchmarks.results import Values
from benchmarks.trial import Trial, trial
from connector.jobs.states import State

WORKERS = (1, 2, 4)
MILLISECONDS = (0, 1, 10, 100)
SLOTS = 2
"""Actions that one worker runs at once by default."""

DAY = 86400.0
SETTLE = 1.0
"""Seconds from a process's start until it is ready."""


def delayed(bench: Bench) -> Iterator[Turn]:
    """A drain with nothing else there, and with many delayed ones of a higher priority."""
    for case, others in (("empty", 0), ("delayed", bench.sizes.behind)):
        settings = {"actions": bench.sizes.drain, "delayed": others, "priority": 10}
        yield Turn(case, "ours", settings, partial(_delayed, bench, others))


def _delayed(bench: Bench, others: int) -> Values:
    with trial(bench.server.fresh("delayed")) as tried:
        if others:
            tried.fill(others, State.QUEUED, start=DAY, priority=10)
        rate = _drained(tried, bench.sizes.drain)
    bench.server.drop("delayed")
    return {"rate": rate}


def sqlite(bench: Bench) -> Iterator[Turn]:
    """A drain on SQLite, as it is set: WAL, synchronous=FULL."""
    settings = {"actions": bench.sizes.drain, "synchronous": "FULL"}
    yield Turn("", "ours", settings, partial(_sqlite, bench.sizes.drain))


def _sqlite(count: int) -> Values:
    with tempfile.TemporaryDirectory() as folder, trial(f"sqlite:///{folder}/bench.db") as tried:
        return {"rate": _drained(tried, count)}


def scale(bench: Bench) -> Iterator[Turn]:
    """Drains by several workers of actions that take some time: the curve of scaling out."""
    for milliseconds in MILLISECONDS:
        for workers in WORKERS:
            count = bench.sizes.drain
            if milliseconds:
                most = bench.sizes.busy * workers * SLOTS * 1000 // milliseconds
                count = min(count, most)
            settings = {"workers": workers, "milliseconds": milliseconds, "actions": count}
            take = partial(_scaled, bench, count, workers, milliseconds)
            yield Turn(f"{workers} x {milliseconds} ms", "ours", settings, take)


def _scaled(bench: Bench, count: int, workers: int, milliseconds: int) -> Values:
    with trial(bench.server.fresh("scale")) as tried:
        with tried.working(workers) as supervisor:
            _all_there(tried, supervisor, workers)
            with tried.held_back():
                tried.store(count, milliseconds)
                tried.tidy()
                since = tried.now()
            psutil.cpu_percent()
            tried.drained(count)
            busy = psutil.cpu_percent()
        rate = tried.rate(since)
    bench.server.drop("scale")
    values = {"rate": rate, "cpu": busy}
    if milliseconds:
        values["share"] = rate * milliseconds / 1000 / (workers * SLOTS)
    return values


def _all_there(tried: Trial, supervisor: psutil.Process, workers: int) -> None:
    """Wait for all workers and slots: else the first one would have the start to itself."""
    end = time.monotonic() + 60
    while len(supervisor.children(recursive=True)) < workers * (1 + SLOTS):
        if time.monotonic() > end:
            raise TimeoutError(f"not all of {workers} workers have come: {tried.log.read_text()}")
        time.sleep(0.1)
    time.sleep(SETTLE)


def _drained(tried: Trial, count: int) -> float:
    tried.store(count)
    tried.tidy()
    return drained(tried, count, tried.now())


def drained(tried: Trial, count: int, since: datetime) -> float:
    """Have one worker work off what is there, and return actions a second."""
    with tried.working():
        tried.drained(count)
    return tried.rate(since)
