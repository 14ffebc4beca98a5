"""What a server that has nothing to do costs."""

import tempfile
import time
from pathlib import Path

from benchmarks.server import cpu_seconds, serving

SECONDS = 60.0


def run() -> None:
    """Print the share of one core that a whole idle server takes over a minute."""
    with (
        tempfile.TemporaryDirectory() as name,
        serving(f"sqlite:///{name}/connector.db", Path(name) / "data") as server,
    ):
        time.sleep(3)  # what starting costs is not what is asked for
        tree = server.tree()
        before, begun = cpu_seconds(tree), time.monotonic()
        time.sleep(SECONDS)
        used = (cpu_seconds(tree) - before) / (time.monotonic() - begun)
        print(
            f"idle: {len(tree)} processes over {SECONDS:.0f} s: {used:.2%} of a core (target 1 %)"
        )
