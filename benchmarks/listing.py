"""A million actions asked for at once: the first byte, memory, and what others notice."""

import os
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

import httpx2
import psutil
import sqlalchemy as sa

from benchmarks.plans import END, FILL
from benchmarks.server import Serving, serving
from connector.db.engine import Database
from connector.jobs import workers
from connector.jobs.token import new_token
from tests.conftest import migrate
from tests.postgresql_server import start

ACTIONS = int(os.environ.get("BENCH_ACTIONS", "1000000"))


def run() -> None:
    """Print a row for each format, and for filters that choose few."""
    with tempfile.TemporaryDirectory() as folder, start(fsync="on") as url:
        token = filled(url)
        print(f"\nGetStatus without Token of {ACTIONS:,} finished actions, PostgreSQL\n")
        print(
            "| Asked for | First byte s | All s | Actions | MiB sent | Memory + MiB "
            "| Others, ms: p50, longest |\n|---|---|---|---|---|---|---|"
        )
        with serving(url, Path(folder), CONNECTOR_SERVER_WORKERS="0") as server:
            for name, extra in (
                ("all, xml", ""),
                ("all, json", "&ResponseFormat=json"),
                ("State=Error, none", "&State=Error"),
                ("the newest 100", "&MaxResults=100"),
                ("the oldest 100", "&MaxResults=100&Sort-Order=ascending"),
                ("all, the oldest first", "&Sort-Order=ascending"),
                ("the 100 that ended last", "&MaxResults=100&Sort-By=finish-time"),
                ("all by finish-time", "&Sort-By=finish-time"),
                ("all by finish-time, ascending", "&Sort-By=finish-time&Sort-Order=ascending"),
                ("the 100 that began last", "&MaxResults=100&Sort-By=start-time"),
                ("all by start-time", "&Sort-By=start-time"),
                ("all by start-time, ascending", "&Sort-By=start-time&Sort-Order=ascending"),
                ("QueueStatus", "QueueStatus"),
            ):
                print(f"| {name} | {_measured(server, extra, token)} |", flush=True)


def filled(url: str) -> str:
    database = Database(url, application="benchmark", statement_seconds=0.0)
    migrate(database)
    worker = workers.Worker(new_token(), "host", "boot", 1, "0", {"queues": {"Fetch": 4}})
    database.run(workers.register, worker, {"Fetch": 60.0})
    fill = FILL.format(s=database.schema, count=ACTIONS, days=-1)
    for statement in (fill, *(text.format(s=database.schema) for text in END)):
        _alone(database, statement)
    _alone(database, f"VACUUM FULL {database.schema}.jobs")
    _alone(database, f"VACUUM ANALYZE {database.schema}.jobs")
    with database.engine.connect() as connection:
        some = f"SELECT token FROM {database.schema}.jobs ORDER BY token OFFSET {ACTIONS // 2}"
        token = str(connection.execute(sa.text(f"{some} LIMIT 1")).scalar_one())
    database.close()
    return token


def _alone(database: Database, statement: str) -> None:
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(statement))


def _measured(server: Serving, extra: str, token: str) -> str:
    base = f"{server.address}action=QueueInfo&QueueName=Fetch&QueueAction="
    target = base + (extra if extra.isalpha() else "GetStatus" + extra)
    http = next(p for p in server.tree() if "server" in " ".join(p.cmdline()[2:4]))
    others, ended = _Others(f"{base}GetStatus&Token={token}", http), threading.Event()
    thread = threading.Thread(target=others.ask, args=(ended,))
    thread.start()
    begun = time.monotonic()
    first, size, actions, tail = 0.0, 0, 0, b""
    with httpx2.stream("GET", target, timeout=600, trust_env=False) as answer:
        for piece in answer.iter_raw():
            first = first or time.monotonic() - begun
            size += len(piece)
            piece = tail + piece  # one may begin in the piece before
            actions += piece.count(b"<token>") + piece.count(b'"token"')
            tail = piece[-len(b"token>") :]
    took = time.monotonic() - begun
    ended.set()
    thread.join()
    grown = (others.most - others.before) / 2**20
    waits = f"{median(others.seconds) * 1000:.0f}, {max(others.seconds) * 1000:.0f}"
    return f"{first:.2f} | {took:.1f} | {actions:,} | {size / 2**20:.1f} | {grown:.0f} | {waits}"


class _Others:
    """Somebody who asks for one action again and again, and how large the process is then."""

    def __init__(self, target: str, http: psutil.Process) -> None:
        self._target = target
        self._http = http
        self.before = self.most = http.memory_info().rss
        self.seconds: list[float] = []

    def ask(self, ended: threading.Event) -> None:
        with httpx2.Client(trust_env=False, timeout=60) as client:
            while not ended.is_set() or not self.seconds:
                begun = time.monotonic()
                client.get(self._target)
                self.seconds.append(time.monotonic() - begun)
                self.most = max(self.most, self._http.memory_info().rss)
                ended.wait(0.02)
