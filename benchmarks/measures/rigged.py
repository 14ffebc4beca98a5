"""What the rig measures: ours and its peers one after another, and the limit where it has one."""

from collections.abc import Iterator
from functools import partial

from benchmarks import rig
from benchmarks.measuring import Bench, Turn

LIMIT = "limit"


def drain(bench: Bench) -> Iterator[Turn]:
    """No-op actions that are there, one worker; beside pgbench in batches of 100."""
    return _turns(bench, "drain", limited=True, n=bench.sizes.drain)


def enqueue(bench: Bench) -> Iterator[Turn]:
    """One commit each by one producer and by eight, and in bulk; beside pgbench."""
    return _turns(bench, "enqueue", limited=True)


def backlog(bench: Bench) -> Iterator[Turn]:
    """The first seconds of a drain with many actions queued."""
    return _turns(bench, "backlog", n=bench.sizes.behind)


def finished(bench: Bench) -> Iterator[Turn]:
    """A drain of 20,000 beside many that have finished."""
    return _turns(bench, "history", n=bench.sizes.finished)


def latency(bench: Bench) -> Iterator[Turn]:
    """From the enqueue's return to the start of the handler, idle worker."""
    return _turns(bench, "lat")


def snapshot(bench: Bench) -> Iterator[Turn]:
    """A drain of 20,000 after a large one, without and with a snapshot held from before."""
    return _turns(bench, "mvcc2", n=bench.sizes.held)


def idle(bench: Bench) -> Iterator[Turn]:
    """Transactions, statements and CPU of a worker with nothing to do."""
    return _turns(bench, "idle", secs=bench.sizes.idle)


def kill(bench: Bench) -> Iterator[Turn]:
    """kill -9 of the process group, started again at once, until the handler runs again."""
    return _turns(bench, "kill", limit=bench.sizes.kill)


def _turns(bench: Bench, test: str, *, limited: bool = False, **sizes: int) -> Iterator[Turn]:
    for who in [LIMIT, *bench.queues] if limited and bench.queues else bench.queues:
        given = {} if who == LIMIT else sizes
        yield Turn("", who, given, partial(rig.take, test, who, **given))
