"""What a whole server that has nothing to do costs, and its database with it."""

import time
from collections.abc import Iterator
from functools import partial

import psutil

from benchmarks.measuring import Bench, Turn
from benchmarks.results import Values
from benchmarks.server import cpu_seconds
from benchmarks.trial import Trial, trial

SETTLE = 25.0
"""Seconds until what starting costs is over, and told by the database's statistics."""

TRANSACTIONS = (
    "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
)


def turns(bench: Bench) -> Iterator[Turn]:
    """`serve` and `work` on PostgreSQL; beats and schedules included."""
    for command in ("serve", "work"):
        settings = {"command": command, "seconds": bench.sizes.idle}
        yield Turn(command, "ours", settings, partial(_idle, bench, command))


def _idle(bench: Bench, command: str) -> Values:
    with trial(bench.server.fresh("idle")) as tried:
        port = {"CONNECTOR_SERVER_PORT": "0"}
        with tried.working(command=command, settings=port) as supervisor:
            time.sleep(min(SETTLE, bench.sizes.idle))
            tree = [supervisor, *supervisor.children(recursive=True)]
            before, used, begun = _transactions(tried), cpu_seconds(tree), time.monotonic()
            time.sleep(bench.sizes.idle)
            seconds = time.monotonic() - begun
            values = {
                "cpu_pct": 100 * (cpu_seconds(tree) - used) / seconds,
                # But for the two that asked.
                "xact_s": max(0, _transactions(tried) - before - 2) / seconds,
                "processes": len([p for p in tree if psutil.pid_exists(p.pid)]),
            }
    bench.server.drop("idle")
    return values


def _transactions(tried: Trial) -> int:
    return int(tried.asked(TRANSACTIONS)[0])
