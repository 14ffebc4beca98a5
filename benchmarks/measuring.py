"""Measuring in turns: round by round each measure, in it each case of each contender."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from benchmarks.results import Measurement, Run, Settings, Values
from benchmarks.servers import Server


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is done. The defaults are those of the figures in docs/performance.md."""

    drain: int = 20_000
    """Actions that are drained, where nothing else is said."""
    behind: int = 500_000
    """Actions queued behind them, or delayed."""
    finished: int = 1_000_000
    history: int = 10_000_000
    """The most rows of history; a tenth and a thousandth of it are measured too."""
    held: int = 200_000
    """Actions drained while a snapshot is held, before the drain that is looked at."""
    idle: int = 60
    """Seconds."""
    kill: int = 180
    """Seconds that are waited for an action to run again."""
    short: int = 10_000
    """Short actions beside a long one."""
    long: int = 10_000
    """Milliseconds that this one takes."""
    busy: int = 10
    """Seconds for which actions of some milliseconds keep all workers busy."""

    def changed(self, given: Sequence[str]) -> "Sizes":
        """Return these with others for what is given as NAME=NUMBER. Raises ValueError."""
        names = {field.name for field in fields(self)}
        new = {}
        for each in given:
            name, _, number = each.partition("=")
            if name not in names or not number.isdecimal():
                told = f"{each} is not NAME=NUMBER with one of {', '.join(sorted(names))}"
                raise ValueError(told)
            new[name] = int(number)
        return replace(self, **new)


SMALL = Sizes(500, 5_000, 5_000, 5_000, 2_000, 3, 20, 500, 1_000, 1)
"""To see that all works: figures of such sizes say nothing."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What measures need: how much, what the rig measures (without it nothing), the server."""

    sizes: Sizes
    queues: Sequence[str]
    server: Server


@dataclass(frozen=True, slots=True)
class Turn:
    """One case of a measure for one contender. `who`: ours, limit or a peer."""

    case: str
    who: str
    settings: Settings
    take: Callable[[], Values]


Measure = Callable[[Bench], Iterator[Turn]]


def measure(run: Run, bench: Bench, measures: Mapping[str, Measure], rounds: int) -> int:
    """Take every turn that the run does not have yet, and return how many could not be taken.

    Raises OtherRun if the run has something of other settings.
    """
    failed = 0
    for number in range(1, rounds + 1):
        for name, turns in measures.items():
            for turn in turns(bench):
                if not run.has(name, turn.case, turn.who, number, turn.settings):
                    failed += not _taken(run, name, turn, number)
    return failed


def _taken(run: Run, name: str, turn: Turn, number: int) -> bool:
    what = " ".join(word for word in (name, turn.case, turn.who) if word)
    print(f"round {number}: {what} …", end=" ", flush=True, file=sys.stderr)
    begun = time.monotonic()
    values: Values = {}
    error = ""
    try:
        values = turn.take()
    except Exception as problem:  # the next ones are measured all the same, this one next time
        error = f"{type(problem).__name__}: {problem}"
    told = error or ", ".join(f"{figure} {value:,.4g}" for figure, value in values.items())
    print(f"{told} ({time.monotonic() - begun:.0f} s)", flush=True, file=sys.stderr)
    run.append(Measurement(name, turn.case, turn.who, number, turn.settings, values, error))
    return not error
