"""The connector on a database of its own, to be filled, set to work, and measured."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import sqlalchemy as sa

from benchmarks.listener import Listener, listening
from benchmarks.producer import QUEUE, Producer, action
from connector.db.engine import Database, Tx
from connector.jobs import operate
from connector.jobs.counting import Counting
from connector.jobs.states import State
from connector.jobs.tables import is_open, jobs
from tests.conftest import migrate

ACTIONS = Path(__file__).parent / "action"
BATCH = 1000
"""Actions stored by one transaction."""

DEADLINE = 900.0
NONE = "00000000-0000-0000-0000-000000000000"
"""The token of no action."""

# As if handed in one after another; the guard, which lets nothing begin as finished, is off.
FILL = """
INSERT INTO {s}.jobs (token, queue, state, priority, run_at, rank, attempt, failures, losses,
    parameters, changed_by, queued_at, started_at, ended_at)
SELECT CAST(lpad(to_hex(CAST(extract(epoch FROM t) * 1000 AS bigint)), 12, '0')
        || '7' || substr(md5(random()\\:\\:text), 1, 3)
        || '8' || substr(md5(random()\\:\\:text), 4, 15) AS uuid),
    '{queue}', '{state}', {priority}, t, extract(epoch FROM t) * 1000000, {attempt}, 0, 0,
    '{{"Kind": "noop", "Port": 0, "Number": 0}}', 'fill', least(t, now()), {ended}, {ended}
FROM generate_series(1, {count}) n
CROSS JOIN LATERAL (SELECT now() + {start} * interval '1 s' + n * interval '1 ms') moment(t)
"""


@dataclass(frozen=True)
class Trial:
    """The database under measure, who stores into it, and what running actions tell."""

    url: str
    folder: Path
    database: Database
    producer: Producer
    listener: Listener

    def store(self, count: int, milliseconds: float = 0) -> None:
        """Store actions in bulk that do nothing, or take so long."""
        kind = "sleep" if milliseconds else "noop"
        for first in range(0, count, BATCH):
            numbers = range(first, min(first + BATCH, count))
            self.producer.many([action(kind, n, milliseconds=milliseconds) for n in numbers])

    def fill(self, count: int, state: State, *, start: float, priority: int = 0) -> None:
        """Put rows there, of times from `start` seconds from now on: PostgreSQL alone."""
        final = state is State.FINISHED
        statement = FILL.format(
            s=self.database.schema,
            queue=QUEUE,
            state=state,
            priority=priority,
            attempt=int(final),
            ended="t" if final else "NULL",
            count=count,
            start=start,
        )
        with self.database.engine.begin() as connection:
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
            connection.execute(sa.text(statement))
        counting = Counting(self.database)
        while counting.step():  # else the worker would, while it is measured
            pass

    def tidy(self) -> None:
        """Have the planner know what is there, and begin with all of it on the disk."""
        if self.database.schema is not None:
            for statement in ("VACUUM ANALYZE", "CHECKPOINT"):
                self.execute(statement)

    def execute(self, statement: str) -> None:
        """Run a statement by itself, outside of any transaction."""
        engine = self.database.engine.execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(statement))

    def asked(self, query: str) -> Sequence[Any]:
        """Return the one row that a query finds."""
        return self.database.read(lambda tx: tx.execute(sa.text(query)).one())

    def now(self) -> datetime:
        """Return the database's time."""
        found: datetime = self.database.read(lambda tx: tx.execute(sa.select(tx.now)).scalar_one())
        return found

    @contextmanager
    def working(
        self, workers: int = 1, command: str = "work", settings: Mapping[str, str] | None = None
    ) -> Iterator[psutil.Process]:
        """Have `webex-connector work` at work as users start it, but for `settings`."""
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "connector", command],
                env=self.environment(workers, settings or {}),
                stdout=log,
                stderr=log,
            )
        try:
            yield psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Have nothing claimed while the block runs: a worker must have come before."""
        self.database.run(operate.pause_queue, QUEUE, "benchmark")
        yield
        self.database.run(operate.resume_queue, QUEUE, "benchmark")
        self.database.notify({QUEUE})

    @property
    def log(self) -> Path:
        """What the connector has printed."""
        return self.folder / "log"

    def address(self) -> str:
        """Wait until a server has said where it serves, and return that."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            for line in self.log.read_text(errors="replace").splitlines():
                if " http" in line:
                    return line.rpartition(" ")[2]
            time.sleep(0.05)
        raise TimeoutError(f"the server has not begun: {self.log.read_text(errors='replace')}")

    def environment(self, workers: int, settings: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of the connector's processes."""
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ACTIONS), str(ACTIONS.parent.parent)]),
            "BENCH_UDP": str(self.listener.port),
            "CONNECTOR_DATABASE_URL": self.url,
            "CONNECTOR_PATHS_DATADIRECTORY": str(self.folder / "data"),
            "CONNECTOR_LOGGING_LOGLEVEL": "Warning",
            "CONNECTOR_SERVER_WORKERS": str(workers),
            **settings,
        }

    def drained(self, count: int, without: str = NONE) -> None:
        """Wait until so many actions have run since the listener began, and all are recorded.

        `without`: the token of one that stays open.
        """
        end = time.monotonic() + DEADLINE
        while True:
            # The database is asked only when it can be the end: looking costs it time.
            near = count - 100 * max(1, self.listener.processes())
            if self.listener.counted() >= near and not self.database.read(_some_open, without):
                return
            if time.monotonic() > end:
                told = f"{self.listener.counted():,} of {count:,} have run"
                raise TimeoutError(f"{told} within {DEADLINE:g} s; see {self.folder}")
            time.sleep(0.02)

    def rate(self, since: datetime) -> float:
        """Return actions a second, from the first claim to the last end, of those ended since."""
        columns = (
            sa.func.count().label("actions"),
            sa.func.min(jobs.c.started_at).label("first"),
            sa.func.max(jobs.c.ended_at).label("last"),
        )
        ended = jobs.c.state == State.FINISHED, jobs.c.ended_at > since
        query = sa.select(*columns).where(*ended)
        found = self.database.read(lambda tx: tx.execute(query).mappings().one())
        return float(found["actions"] / (found["last"] - found["first"]).total_seconds())


def _some_open(tx: Tx, without: str) -> bool:
    due = jobs.c.queue == QUEUE, jobs.c.rank <= tx.micros(tx.now), jobs.c.token != without
    return any(
        tx.execute(sa.select(jobs.c.token).where(is_open(state), *due).limit(1)).first()
        for state in (State.QUEUED, State.RUNNING)
    )


@contextmanager
def trial(url: str) -> Iterator[Trial]:
    """Migrate the empty database at `url`, or take what is there, and let go of it at the end."""
    with TemporaryDirectory(prefix="bench-") as folder, listening() as listener:
        database = Database(
            url, application="benchmark", statement_seconds=0.0, lock_timeout_ms=600_000
        )
        try:
            migrate(database)
            producer = Producer(url)
            try:
                yield Trial(url, Path(folder), database, producer, listener)
            finally:
                producer.close()
        finally:
            database.close()
