"""How long a Stop takes, whatever the action does, and whether anything is left of it."""

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import psutil

from benchmarks.server import Serving, serving
from connector.jobs import reading
from connector.jobs.states import State
from tests.postgresql_server import start

RUNS = int(os.environ.get("BENCH_RUNS", "50"))
GRACE = 1.0
SLACK = 0.5
"""Seconds beyond the grace within which all must have ended."""

DEADLINE = 30.0
PLUGIN = Path(__file__).parents[1] / "tests" / "plugin"

KINDS = {
    "sleep": "`time.sleep`",
    "loop": "a loop in pure Python",
    "hold_interpreter_lock": "C code that holds the interpreter's lock",
    "blocked_socket": "a read from a socket on which nothing comes",
    "deaf": "SIGTERM ignored",
    "grandchild": "a grandchild that called setsid",
}
"""What the action does, as the tests' plugin calls it, and in words."""


@dataclass
class Stops:
    """What was seen of one kind. `seconds`: from sending Stop until the row says stopped."""

    seconds: list[float]
    refused: int = 0
    wrong: int = 0
    left: int = 0


def run() -> None:
    """Print a row for each kind: p50, p99, longest, and what went wrong."""
    print(f"Stop over HTTP, {RUNS} runs each; GraceSeconds {GRACE:g}; PostgreSQL, fsync on\n")
    print("| The action | p50 s | p99 s | longest s | not stopped once | processes left |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name, start(fsync="on") as url:
        folder = Path(name)
        with serving(
            url,
            folder / "data",
            PYTHONPATH=os.pathsep.join([str(PLUGIN), os.environ.get("PYTHONPATH", ".")]),
            CONNECTOR_LOGGING_LOGLEVEL="Error",
            CONNECTOR_ACTIONS_GRACESECONDS=str(GRACE),
        ) as server:
            for do, told in KINDS.items():
                found = Stops([])
                for number in range(RUNS):
                    _stop_one(server, do, folder / f"{do}{number}", found)
                print(f"| {told} | {_row(found)} |", flush=True)


def _row(found: Stops) -> str:
    times = sorted(found.seconds)
    p99 = quantiles(times, n=100, method="inclusive")[-1] if len(times) > 1 else times[0]
    late = f" (bound {GRACE + SLACK:g})" if times[-1] > GRACE + SLACK else ""
    figures = f"{median(times):.2f} | {p99:.2f} | {times[-1]:.2f}{late}"
    return f"{figures} | {found.refused + found.wrong} | {found.left}"


def _stop_one(server: Serving, do: str, trace: Path, found: Stops) -> None:
    token = server.send("Test", Do=do, Seconds="600", Trace=str(trace))
    pid = int(_until(lambda: _noted(trace, "start"))[3])
    family = psutil.Process(pid)
    if do == "grandchild":
        _until(lambda: _noted(trace, "grandchild="))
    time.sleep(0.05)  # let it come to what it does
    processes = [family, *family.children(recursive=True)]
    begun = time.monotonic()
    verb = {"QueueAction": "Stop", "QueueName": "Test", "Token": token}
    answer = server.client.ask("QueueInfo", verb)
    if answer.findtext("actions/action/status") != "Processing":
        found.refused += 1
    _until(lambda: server.database.read(reading.get, [token])[token].state is not State.RUNNING)
    found.seconds.append(time.monotonic() - begun)
    job = server.database.read(reading.get, [token])[token]
    asked = [event.event for event in server.database.read(reading.trail, token)]
    if job.state is not State.STOPPED or job.attempt != 1 or asked.count("stop requested") != 1:
        found.wrong += 1
    found.left += sum(process.is_running() for process in processes if process.pid != pid)
    found.left += family.is_running() and family.status() != psutil.STATUS_ZOMBIE


def _noted(trace: Path, word: str) -> list[str] | None:
    """Return the line of the action's trace that begins so."""
    lines = trace.read_text().splitlines() if trace.exists() else []
    return next((line.split() for line in lines if line.startswith(word)), None)


def _until(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + DEADLINE
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"did not happen within {DEADLINE:g} s")
        time.sleep(0.002)
    return value
