"""How long counts take beside millions of actions that wait, and of actions that have ended."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import sqlalchemy as sa

from benchmarks.server import Serving, serving
from connector.db.engine import Database
from connector.jobs import reading
from connector.jobs.counting import Counting
from tests.conftest import migrate
from tests.postgresql_server import start

ACTIONS = int(os.environ.get("BENCH_ACTIONS", "1000000"))
"""Actions that wait, and as many that have ended."""

SINCE = 15_000
"""Actions stored since the last count, and as many that have ended: 5 s at 3,000 a second."""

CALLS = 50

# One a second up to that many seconds ago. The guard is off, which takes a third of the time.
FILL = """
INSERT INTO {s}.jobs (token, queue, state, priority, run_at, rank, attempt, failures, losses,
    parameters, changed_by, queued_at, ended_at)
SELECT CAST(lpad(to_hex(CAST(extract(epoch FROM t) * 1000 AS bigint)), 12, '0')
        || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15) AS uuid),
    'Fetch', '{state}', 0, t, extract(epoch FROM t) * 1000000, 0, 0, 0,
    '{{"FetchAction": "Synchronize"}}', 'fill', t, {ended}
FROM generate_series(1, {count}) n
CROSS JOIN LATERAL (SELECT now() - {ago} * interval '1 s' - n * interval '{every}') moment(t)
"""


def run() -> None:
    """Print a row for each way to ask, before anything is counted and after."""
    with tempfile.TemporaryDirectory() as folder, start() as url:
        database = Database(
            url, application="benchmark", statement_seconds=0.0, lock_timeout_ms=600_000
        )
        migrate(database)
        _fill(database, ACTIONS, "finished", ACTIONS + 3600, "1 s")
        _fill(database, ACTIONS, "queued", 3600, "1 s")
        _alone(database, f"VACUUM ANALYZE {database.schema}.jobs")
        print(f"\n{ACTIONS:,} actions that wait and {ACTIONS:,} that have ended, PostgreSQL\n")
        print("| Asked | Counted before | ms: p50, longest |\n|---|---|---|")
        _print("`reading.counts`", "nothing", _took(lambda: _counts(database), 3))
        begun, steps = time.monotonic(), _count(database)
        took = time.monotonic() - begun
        _ask(database, url, Path(folder), "all")
        _fill(database, SINCE, "finished", 0, "100 us")
        _fill(database, SINCE, "queued", 0, "100 us")
        _ask(database, url, Path(folder), f"all but {2 * SINCE:,}, of which {SINCE:,} have ended")
        print(f"\nThe first count of all of them took {took:.0f} s, in {steps:,} steps")
        database.close()


def _fill(database: Database, count: int, state: str, ago: int, every: str) -> None:
    ended = "t" if state == "finished" else "NULL"
    given = {"count": count, "state": state, "ago": ago, "every": every, "ended": ended}
    with database.engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        statement = FILL.format(s=database.schema, **given)
        connection.execute(sa.text(statement.replace("::", r"\:\:")))


def _alone(database: Database, statement: str) -> None:
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(statement))


def _count(database: Database) -> int:
    worker = Counting(database)
    steps = 1
    while worker.step():
        steps += 1
    return steps


def _counts(database: Database) -> reading.Counts:
    return database.read(reading.counts, "Fetch")


def _ask(database: Database, url: str, folder: Path, counted: str) -> None:
    _print("`reading.counts`", counted, _took(lambda: _counts(database)))
    all_queues = _took(lambda: database.read(reading.open_counts))
    _print("all queues, as metrics do", counted, all_queues)
    with serving(url, folder, CONNECTOR_SERVER_WORKERS="0") as server:
        _print("QueueStatus over HTTP", counted, _took(lambda: _status(server)))


def _status(server: Serving) -> str:
    asked = {"QueueName": "Fetch", "QueueAction": "QueueStatus"}
    return server.client.ask("QueueInfo", asked).findtext("queue/pending", "")


def _took(ask: Callable[[], object], calls: int = CALLS) -> list[float]:
    found = []
    for _ in range(calls):
        begun = time.monotonic()
        ask()
        found.append((time.monotonic() - begun) * 1000)
    return found


def _print(asked: str, counted: str, took: list[float]) -> None:
    print(f"| {asked} | {counted} | {median(took):.1f}, {max(took):.1f} |", flush=True)
