"""`python -m benchmarks [PART …]`: print the figures of docs/performance.md and its neighbours."""

import platform
import sys
from collections.abc import Callable

import psutil

from benchmarks import (
    accept,
    counts,
    fetch,
    idle,
    latency,
    listing,
    plans,
    recovery,
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


def main() -> None:
    chosen = sys.argv[1:] or list(PARTS)
    unknown = set(chosen) - PARTS.keys()
    if unknown:
        sys.exit(f"no benchmark {', '.join(sorted(unknown))}; there is {', '.join(PARTS)}")
    print(f"{psutil.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}")
    for name in chosen:
        PARTS[name]()


main()
