"""All processes of a host are killed at once, and it is started again at once."""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks import recovery
from benchmarks.measuring import Bench, Turn
from benchmarks.results import Values
from benchmarks.trial import trial

RUNS = 3


def turns(bench: Bench) -> Iterator[Turn]:
    """Seconds until the handler runs again, default settings.

    The rig kills a process group. Ours is several: of these it kills only the supervisor, and the
    worker that outlives it gives its action the time that a shutdown gives.
    """
    yield Turn("", "ours", {"runs": RUNS}, partial(_killed, bench))


def _killed(bench: Bench) -> Values:
    url = bench.server.fresh("killed")
    with trial(url), tempfile.TemporaryDirectory() as folder:
        host = Path(folder)
        times = recovery.one_host(url, host, RUNS, lose=recovery.whole_tree, busy=0)
    bench.server.drop("killed")
    return {"secs": median(times), "longest": max(times)}
