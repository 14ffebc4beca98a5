"""How much write-ahead log an action costs, from submitting it to its end."""

import asyncio
from collections.abc import Iterator
from functools import partial

from benchmarks.measuring import Bench, Turn
from benchmarks.producer import action
from benchmarks.results import Values
from benchmarks.trial import Trial, trial

POSITION = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')"


def turns(bench: Bench) -> Iterator[Turn]:
    """Actions stored in bulk, and one commit each; all indexes, the worker's beats included."""
    for case in ("bulk", "one by one"):
        take = partial(_written, bench, case == "bulk")
        yield Turn(case, "ours", {"actions": bench.sizes.drain}, take)


def _written(bench: Bench, bulk: bool) -> Values:
    count = bench.sizes.drain
    with trial(bench.server.fresh("wal")) as tried:
        tried.store(1)
        with tried.working():
            tried.drained(1)
            tried.tidy()
            before = _position(tried)
            if bulk:
                tried.store(count)
            else:
                asyncio.run(_store(tried, count))
            tried.drained(count)
            after = _position(tried)
    bench.server.drop("wal")
    return {"bytes": (after - before) / count}


async def _store(tried: Trial, count: int) -> None:
    for number in range(count):
        await tried.producer.one(action("noop", number))


def _position(tried: Trial) -> float:
    return float(tried.asked(POSITION)[0])
