"""`python -m benchmarks [PART …]`: print the figures of docs/performance.md and its neighbours.

`measure`, `soak`, `table` and `publish` are commands with options: see each one's `--help`.
"""

import contextlib
import io
import os
import platform
import sys
from collections.abc import Callable

import psutil

from benchmarks import (
    accept,
    commands,
    counts,
    fetch,
    idle,
    latency,
    listing,
    plans,
    recovery,
    results,
    retention,
    stops,
)

PARTS: dict[str, Callable[[], None]] = {
    "accept": accept.run,
    "fetch": fetch.run,
    "latency": latency.run,
    "idle": idle.run,
    "listing": listing.run,
    "counts": counts.run,
    "plans": plans.run,
    "stops": stops.run,
    "recovery": recovery.run,
    "retention": retention.run,
}


class _Both(io.TextIOBase):
    """Keeps what is printed, and prints it."""

    def __init__(self) -> None:
        self.kept = ""

    def write(self, text: str) -> int:
        self.kept += text
        return sys.__stdout__.write(text) if sys.__stdout__ else len(text)

    def flush(self) -> None:
        if sys.__stdout__:
            sys.__stdout__.flush()


def main() -> None:
    if sys.argv[1:] and sys.argv[1] in commands.COMMANDS:
        sys.exit(commands.COMMANDS[sys.argv[1]](sys.argv[2:]))
    chosen = sys.argv[1:] or list(PARTS)
    unknown = set(chosen) - PARTS.keys()
    if unknown:
        known = ", ".join([*PARTS, *commands.COMMANDS])
        sys.exit(f"no benchmark {', '.join(sorted(unknown))}; there is {known}")
    print(f"{psutil.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}")
    run = results.Run(
        results.path_of(f"parts-{results.revision()}"), results.revision(), results.machine({})
    )
    given = {name: value for name, value in os.environ.items() if name.startswith("BENCH_")}
    settings = {name: int(value) for name, value in given.items() if value.isdecimal()}
    for name in chosen:
        with contextlib.redirect_stdout(_Both()) as printed:
            PARTS[name]()
        number = 1 + sum(each.measure == name for each in run.measurements)
        run.append(results.Measurement(name, "", "ours", number, settings, {}, text=printed.kept))


main()
