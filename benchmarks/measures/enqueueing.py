"""Accepting and draining beside thousands and millions of actions that ended long ago."""

import asyncio
import time
from collections.abc import Iterator
from functools import partial

from benchmarks.measures.drains import DAY, drained
from benchmarks.measuring import Bench, Turn
from benchmarks.producer import action
from benchmarks.results import Values
from benchmarks.trial import Trial, trial
from connector.jobs.states import State

PRODUCERS = 8


def history(bench: Bench) -> Iterator[Turn]:
    """Drain and accept at a thousandth, a tenth and all of the largest history."""
    for divisor in (1000, 10, 1):
        rows = bench.sizes.history // divisor
        settings = {"history": rows, "actions": bench.sizes.drain, "producers": PRODUCERS}
        yield Turn(f"{rows:,}", "ours", settings, partial(_beside, bench, rows))


def _beside(bench: Bench, rows: int) -> Values:
    """The database is kept: filling it takes longest. Each round adds two drains to it."""
    name = f"history_{rows}"
    count = bench.sizes.drain
    with trial(bench.server.kept(name)) as tried:
        if not tried.asked("SELECT EXISTS (SELECT FROM webex_connector.jobs)")[0]:
            tried.fill(rows, State.FINISHED, start=-10 * DAY)
        tried.tidy()
        accepted = asyncio.run(_accept(tried, count))
        tried.tidy()
        return {"accept": accepted, "drain": drained(tried, count, tried.now())}


async def _accept(tried: Trial, count: int) -> float:
    """Store actions one by one by some producers at once; return how many a second."""
    numbers = iter(range(count))

    async def produce() -> None:
        for number in numbers:
            await tried.producer.one(action("noop", number))

    begun = time.perf_counter()
    await asyncio.gather(*(produce() for _ in range(PRODUCERS)))
    return count / (time.perf_counter() - begun)
