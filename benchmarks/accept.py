"""Accepting actions and asking for them, beside a route that does nothing, in turns in one run."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median, quantiles

import httpx2
import psycopg
import sqlalchemy as sa

from benchmarks.listing import filled
from benchmarks.server import Serving, serving
from benchmarks.wrk import Load, load
from connector.jobs import operate
from connector.jobs.tables import jobs
from tests.postgresql_server import start

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))
LONE = 500
FETCH = "action=Fetch&FetchAction=Synchronize"
TASK = {
    "CONNECTOR_FETCHTASKS_0": "BENCH",
    "CONNECTOR_WEBEX_ACCESSTOKEN": "none",
    "CONNECTOR_WEBEX_BASEURL": "http://127.0.0.1:9/v1",
    "CONNECTOR_WEBEX_MAXRETRIES": "0",
    "CONNECTOR_WEBEX_GIVEUPAFTERSECONDS": "0",
}
"""A task, and no Webex: whatever runs has failed at once."""
STATUS = "action=QueueInfo&QueueAction=GetStatus&QueueName=Fetch&Token="


def run() -> None:
    """Print a row for each engine, and for GetStatus over a million finished actions."""
    print(
        f"\n{ROUNDS} rounds of {SECONDS} s, 64 connections; durable commits; medians\n\n"
        "| What | Bare route /s | Ours /s | Ours ÷ bare | p50 ms | p99 ms | Longest ms |\n"
        "|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as name, _bare() as bare:
        folder = Path(name)
        _accepting("accept, SQLite", f"sqlite:///{folder}/accept.db", folder / "a", bare)
        with start(fsync="on") as url:
            _accepting("accept, PostgreSQL", url, folder / "b", bare)
        with start(fsync="on") as url:
            _asking(url, folder / "c", bare)
        _draining(f"sqlite:///{folder}/drain.db", folder / "d", bare)


def _accepting(what: str, url: str, folder: Path, bare: str) -> None:
    with serving(url, folder, **TASK) as server:
        server.database.run(operate.pause_queue, "Fetch", "benchmark")
        before = _rows(server)
        loads = _rounds(what, bare, lambda: load(server.address + FETCH, SECONDS))
        stored, answered = _rows(server) - before, sum(each.answers for each in loads)
        # What is under way when a round ends is stored and counted by nobody.
        assert 0 <= stored - answered <= 64 * len(loads), (stored, answered)
        lone = _lone(server)
        print(f"\n{what}: {stored:,} rows for {answered:,} answers; a lone client, ms: {lone}")
        if server.database.dialect.name == "postgresql":
            print(f"one commit of psycopg alone, ms: {_commits(url)}")
        print()


def _asking(url: str, folder: Path, bare: str) -> None:
    filled(url)
    with serving(url, folder, **TASK) as server:
        with server.database.engine.connect() as connection:
            some = sa.select(jobs.c.token).order_by(sa.func.random()).limit(10_000)
            tokens = list(connection.execute(some).scalars())
        target = server.address + STATUS
        _rounds("GetStatus by token of 1,000,000", bare, lambda: load(target, SECONDS, tokens))


def _draining(url: str, folder: Path, bare: str) -> None:
    """Accept while a worker fails action after action: no Webex is configured."""
    with serving(url, folder, CONNECTOR_ACTIONS_MAXATTEMPTS="1", **TASK) as server:
        target = server.address + FETCH
        _rounds("accept while a worker drains, SQLite", bare, lambda: load(target, SECONDS))
        with server.database.engine.connect() as connection:
            ended = sa.select(sa.func.count()).where(jobs.c.ended_at.isnot(None))
            print(f"\n{connection.execute(ended).scalar_one():,} actions ended meanwhile")


def _rounds(what: str, bare: str, ours: Callable[[], Load]) -> list[Load]:
    bares, loads = [], []
    for _ in range(ROUNDS):
        bares.append(load(bare, SECONDS).rate)
        loads.append(ours())
    ratios = [each.rate / other for each, other in zip(loads, bares, strict=True)]
    rate, p50, p99 = (median(getattr(each, n) for each in loads) for n in ("rate", "p50", "p99"))
    longest = max(each.longest for each in loads)
    print(
        f"| {what} | {median(bares):,.0f} | **{rate:,.0f}** | {median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}) | {p50:.1f} | {p99:.1f} | {longest:.0f} |",
        *(f"errors: {each.errors}" for each in loads if each.errors),
        flush=True,
    )
    return loads


def _lone(server: Serving) -> str:
    """Return what one client waits for its token when nobody else is there."""
    with httpx2.Client(trust_env=False) as client:
        return _spread(lambda: client.get(server.address + FETCH))


def _commits(url: str) -> str:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE TABLE commits (number bigint)")
        return _spread(lambda: connection.execute("INSERT INTO commits VALUES (1)"))


def _spread(work: Callable[[], object]) -> str:
    took = []
    for _ in range(LONE):
        begun = time.perf_counter()
        work()
        took.append((time.perf_counter() - begun) * 1000)
    cuts = quantiles(took[LONE // 10 :], n=100)
    return f"p50 {cuts[49]:.2f}, p99 {cuts[98]:.2f}"


def _rows(server: Serving) -> int:
    with server.database.engine.connect() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(jobs)).scalar_one())


@contextlib.contextmanager
def _bare() -> Iterator[str]:
    """Serve the bare route by one process of Uvicorn, with the same loop and parser as ours."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "benchmarks.bare:app", "--port", str(port)]
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    server = subprocess.Popen([*command, *options, "--log-level", "error"])
    try:
        url = f"http://127.0.0.1:{port}/"
        end = time.monotonic() + 30
        while True:
            with contextlib.suppress(httpx2.TransportError):
                httpx2.get(url, trust_env=False)
                break
            if time.monotonic() > end:
                raise TimeoutError("the bare route does not answer")
            time.sleep(0.05)
        yield url
    finally:
        server.terminate()
        server.wait(10)
