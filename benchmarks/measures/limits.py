"""What the machine can do at all: COPY into a table of a queue's least columns, and SQLite.

pgbench's limits come with the measures that the rig takes.
"""

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial

import psycopg

from benchmarks.measuring import Bench, Turn
from benchmarks.results import Values
from benchmarks.servers import Server

ROW = 'default,0,0,2026-01-01 00:00:00+00,"{""a"": 1}"\n'
TABLE = (
    "CREATE TABLE jobs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, queue text NOT NULL,"
    " state smallint NOT NULL, priority smallint NOT NULL, run_at timestamptz NOT NULL,"
    " payload jsonb NOT NULL)",
    "CREATE INDEX ready ON jobs (queue, priority, run_at, id) WHERE state = 0",
)
SQLITE = """
PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
CREATE TABLE jobs (id INTEGER PRIMARY KEY, queue TEXT NOT NULL DEFAULT 'default',
    state INTEGER NOT NULL DEFAULT 0, priority INTEGER NOT NULL DEFAULT 0,
    run_at REAL NOT NULL DEFAULT 0, payload TEXT NOT NULL);
CREATE INDEX ready ON jobs (queue, priority, run_at, id) WHERE state = 0;
"""
CLAIM = (
    "UPDATE jobs SET state = 1 WHERE id IN (SELECT id FROM jobs WHERE state = 0 AND "
    "queue = 'default' ORDER BY priority, run_at, id LIMIT ?) RETURNING id"
)
END = "UPDATE jobs SET state = 2 WHERE id = ?"
BATCH = 100


def turns(bench: Bench) -> Iterator[Turn]:
    """Rows a second by COPY, and drains of SQLite with each commit on the disk."""
    rows = bench.sizes.behind
    yield Turn("copy", "limit", {"rows": rows}, partial(_copy, bench.server, rows))
    count = bench.sizes.drain
    for case, batch in (("sqlite", BATCH), ("sqlite, one by one", 1)):
        settings = {"actions": count, "batch": batch}
        yield Turn(case, "limit", settings, partial(_sqlite, count, batch))


def _copy(server: Server, rows: int) -> Values:
    with psycopg.connect(server.fresh("copy"), autocommit=True) as connection:
        for statement in TABLE:
            connection.execute(statement)
        cursor = connection.cursor()
        columns = "queue, state, priority, run_at, payload"

        def copy() -> None:
            with cursor.copy(f"COPY jobs ({columns}) FROM STDIN (FORMAT csv)") as into:
                for first in range(0, rows, 1000):
                    into.write(ROW * min(1000, rows - first))

        rate = _rate(rows, copy)
    server.drop("copy")
    return {"rate": rate}


def _sqlite(count: int, batch: int) -> Values:
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(f"{folder}/jobs.db", isolation_level=None)
        connection.executescript(SQLITE)
        connection.execute("BEGIN")
        payloads = (("{}",) for _ in range(count))
        connection.executemany("INSERT INTO jobs (payload) VALUES (?)", payloads)
        connection.execute("COMMIT")

        def drain() -> None:
            while claimed := connection.execute(CLAIM, (batch,)).fetchall():
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(END, claimed)
                connection.execute("COMMIT")

        rate = _rate(count, drain)
        connection.close()
    return {"rate": rate}


def _rate(count: int, work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return count / (time.perf_counter() - begun)
