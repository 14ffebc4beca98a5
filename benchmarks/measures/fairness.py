"""One long action among thousands of short ones: how long any of these stands back for it."""

from collections.abc import Iterator, Mapping
from functools import partial

from benchmarks.measuring import Bench, Turn
from benchmarks.producer import action
from benchmarks.results import Values
from benchmarks.trial import BATCH, DEADLINE, trial

LONG = -1
"""The number of the long one."""


def turns(bench: Bench) -> Iterator[Turn]:
    """Short ones alone, and with a long one in their middle."""
    for case, milliseconds in (("short alone", 0), ("one long", bench.sizes.long)):
        settings = {"short": bench.sizes.short, "long_ms": milliseconds}
        yield Turn(case, "ours", settings, partial(_among, bench, milliseconds))


def _among(bench: Bench, milliseconds: int) -> Values:
    count = bench.sizes.short
    with trial(bench.server.fresh("fairness")) as tried:
        port = tried.listener.port
        new = [action("lat", number, port=port) for number in range(count)]
        if milliseconds:
            new.insert(count // 2, action("lat", LONG, port=port, milliseconds=milliseconds))
        for first in range(0, len(new), BATCH):
            tried.producer.many(new[first : first + BATCH])
        tried.tidy()
        with tried.working():
            tried.listener.start(count - 1, DEADLINE)
            tried.drained(0)
        starts = tried.listener.starts()
    bench.server.drop("fairness")
    starts.pop(LONG, None)
    if len(starts) < count:
        raise RuntimeError(f"{count - len(starts)} short actions have not told of their start")
    return {"longest_delay_ms": longest_wait(starts) * 1000}


def longest_wait(starts: Mapping[int, float]) -> float:
    """Return the longest that one began after all that stand before it had begun, in seconds.

    So it finds one that others overtake, and also all standing still.
    """
    begun, longest = min(starts.values()), 0.0
    for number in sorted(starts):
        longest = max(longest, starts[number] - begun)
        begun = max(begun, starts[number])
    return longest
