"""An old snapshot is held: how fast the drain after it is, and what is urgent or released in it.

A snapshot keeps every dead index entry from being removed. A claim that begins behind these is
fast, and must still find at once what is put before the place where it begins.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial

import psycopg

from benchmarks.measuring import Bench, Turn
from benchmarks.producer import QUEUE, action
from benchmarks.results import Values
from benchmarks.trial import Trial, trial
from connector.jobs import claim, outcomes, workers
from connector.jobs.job import Run
from connector.jobs.news import told_of
from connector.jobs.token import new_token

URGENT, RELEASED = 1, 2
LEASE = 3600.0


def turns(bench: Bench) -> Iterator[Turn]:
    """The drain after a large one, without a snapshot and with one, and the ratio of these."""
    settings = {"first": bench.sizes.held, "then": bench.sizes.drain}
    yield Turn("", "ours", settings, partial(_ratio, bench))


def _ratio(bench: Bench) -> Values:
    free, held = (_drains(bench, hold) for hold in (False, True))
    return {
        "ratio": held["rate"] / free["rate"],
        **{f"free_{name}": value for name, value in free.items()},
        **{f"held_{name}": value for name, value in held.items()},
    }


def _drains(bench: Bench, hold: bool) -> Values:
    first, then = bench.sizes.held, bench.sizes.drain
    with trial(bench.server.fresh("held")) as tried:
        run = _claimed(tried)
        with _snapshot(tried.url) if hold else nullcontext():
            tried.store(first)
            tried.execute("ANALYZE")
            with tried.working():
                tried.drained(first, run.token)
                if not hold:
                    tried.tidy()
                with tried.held_back():
                    tried.store(then)
                    since = tried.now()
                waits = _waits(tried, run)
                tried.drained(first + then)
            values = {"rate": tried.rate(since), **waits}
    bench.server.drop("held")
    return values


def _claimed(tried: Trial) -> Run:
    """Have a worker that is not there hold the first action of all, to hand it back later."""
    tried.producer.many([action("lat", RELEASED, port=tried.listener.port)])
    me = new_token()
    there = workers.Worker(me, "elsewhere", "boot", 1, "0", {"queues": {QUEUE: 1}}, LEASE)
    tried.database.run(workers.register, there, {QUEUE: 60.0})
    (run,) = tried.database.run(claim.claim, QUEUE, me, 1)
    return run


def _waits(tried: Trial, run: Run) -> Values:
    """Hand in an urgent action, and hand back the first; return until when each began, in ms."""
    tried.producer.many([action("lat", URGENT, port=tried.listener.port, priority=1000)])
    stored_at = time.monotonic()
    urgent = tried.listener.start(URGENT) - stored_at
    released_at = time.monotonic()
    tried.database.run(outcomes.release, run, "benchmark")
    tried.database.notify({told_of(QUEUE, run.rank)})  # as a worker tells it
    released = tried.listener.start(RELEASED) - released_at
    return {
        "urgent_ms": max(0.0, urgent) * 1000,
        "released_ms": released * 1000,
    }


@contextmanager
def _snapshot(url: str) -> Iterator[None]:
    with psycopg.connect(url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT count(*) FROM pg_class")
        yield
