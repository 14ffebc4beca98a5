"""The rig that measures other queues: where it is, and one of its measures for one of its peers.

`BENCH_RIG` is its folder and `BENCH_WORK` where it has installed them; without these ours is
measured alone, with what needs no rig.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.results import ROOT, Values

DEFAULT_SERVER = "postgresql://postgres@127.0.0.1:54329"
"""Where the rig starts its server unless BENCH_PG says otherwise."""

SECONDS = 1800
"""Longest that one measure of one peer may take."""

NOT_FIGURES = ("conc", "workers", "n", "hold", "left")


class RigFailed(Exception):
    """A peer could not be measured; the text is what the rig says."""


def present() -> bool:
    """Say whether there is a rig."""
    return "BENCH_RIG" in os.environ and "BENCH_WORK" in os.environ


def server() -> str | None:
    """Return where the rig's server is, or None without a rig."""
    return DEFAULT_SERVER if present() else None


def take(test: str, peer: str, **sizes: int) -> Values:
    """Run one measure of the rig for one peer, or for `limit`, and return its figures by name."""
    driver = Path(__file__).parent / "driver.py"
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.rig_turn", test, peer, json.dumps(sizes)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={
            **os.environ,
            "BENCH_LIB": str(Path(os.environ["BENCH_RIG"]) / "drivers"),
            "BENCH_EXTRA": f"ours={sys.executable}={driver}",
        },
    )
    try:
        told, _ = process.communicate(timeout=SECONDS)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)  # it ends the peer's processes
            process.wait(60)
    records = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    errors = [record["error"] for record in records if "error" in record]
    if errors or not records:
        raise RigFailed("; ".join(errors) or f"{test} of {peer} has ended without a figure")
    return figures(records)


def figures(records: list[dict[str, Any]]) -> Values:
    """Return what the rig has told, by names such as `drain.rate` or `mvcc2_held.then20k`."""
    found: dict[str, float] = {}
    for record in records:
        test = record["test"] + ("_held" if record.get("hold") else "")
        for name, value in record.items():
            if name in NOT_FIGURES or isinstance(value, bool):
                continue
            if isinstance(value, str) and value.startswith("over "):
                value = float(value.split()[1])  # it was waited for no longer
            if isinstance(value, int | float):
                found[f"{test}.{name}"] = value
    if free := found.get("mvcc2.then20k"):
        found["mvcc2.ratio"] = found["mvcc2_held.then20k"] / free
    return found
