"""Workers and their leases: register, beat, retire, and the rescue of what a dead one held."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from connector import log
from connector.db.engine import Database, Tx
from connector.db.errors import Locked
from connector.jobs import fence, outcomes
from connector.jobs.errors import LeaseLost
from connector.jobs.job import Run
from connector.jobs.outbox import NOBODY, Outbox
from connector.jobs.states import State
from connector.jobs.tables import RUNNING_BY, is_open, jobs, queues, workers

_log = log.logger(__name__)

BATCH = 100
"""Jobs looked for at once; each is handed back in a short transaction of its own."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker as it registers. `serves`: queues with limits and tasks, for people to read."""

    id: str
    host: str
    boot_id: str
    pid: int
    program: str
    serves: Mapping[str, object]
    lease_seconds: float | None = None
    environment: str | None = None
    build: str | None = None
    config_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Beat:
    """What a worker shows of itself: a number that goes up while it lives."""

    number: int
    lease: float | None = None
    """Seconds that it may be silent; None: it has not said."""


def register(tx: Tx, worker: Worker, steps: Mapping[str, float]) -> None:
    """Store a worker's row, its lease, and a row for each queue it serves.

    `steps`: for each of these queues what a point of priority is worth, in seconds of waiting.
    """
    tx.execute(
        sa.insert(workers).values(
            id=worker.id,
            host=worker.host,
            boot_id=worker.boot_id,
            pid=worker.pid,
            program=worker.program,
            serves=dict(worker.serves),
            lease_seconds=worker.lease_seconds,
            environment=worker.environment,
            build=worker.build,
            config_hash=worker.config_hash,
            beat=0,
            beat_at=tx.now,
            started_at=tx.now,
        )
    )
    for queue, step in sorted(steps.items()):
        tx.execute(
            tx.dialect.insert_new(queues).values(
                queue=queue, paused=False, changed_at=tx.now, changed_by="worker register"
            )
        )
        other = queues.c.ageing_step.is_distinct_from(step)
        tx.execute(sa.update(queues).where(queues.c.queue == queue, other).values(ageing_step=step))


def beat(tx: Tx, worker_id: str) -> bool:
    """Renew the lease. False: it was taken away, and everything the worker held with it."""
    renewed = tx.execute(
        sa.update(workers)
        .where(workers.c.id == worker_id)
        .values(beat=workers.c.beat + 1, beat_at=tx.now)
    )
    return bool(renewed.rowcount)


def retire(tx: Tx, worker_id: str) -> None:
    """Remove a worker that ends in order."""
    tx.execute(sa.delete(workers).where(workers.c.id == worker_id))


def beats(tx: Tx) -> dict[str, Beat]:
    """Return the beat of every registered worker."""
    columns = (workers.c.id, workers.c.beat, workers.c.lease_seconds)
    return {row.id: Beat(row.beat, row.lease_seconds) for row in tx.execute(sa.select(*columns))}


@dataclass(frozen=True, slots=True)
class Listed:
    """A registered worker as it stands in the database."""

    id: str
    host: str
    pid: int
    program: str
    environment: str | None
    build: str | None
    config_hash: str | None
    lease_seconds: float | None
    beat_at: datetime
    started_at: datetime


def listed(tx: Tx) -> list[Listed]:
    """Return the registered workers, those of a host together."""
    columns = [workers.c[each.name] for each in fields(Listed)]
    rows = tx.execute(sa.select(*columns).order_by(workers.c.host, workers.c.started_at))
    return [Listed(**row._mapping) for row in rows]


def running_on(tx: Tx, host: str) -> int:
    """Return how many jobs the workers of a host run."""
    theirs = sa.select(workers.c.id).where(workers.c.host == host)
    count = (
        sa.select(sa.func.count())
        .select_from(jobs)
        .with_hint(jobs, RUNNING_BY, "mariadb")
        .where(is_open(State.RUNNING), jobs.c.worker_id.in_(theirs))
    )
    return int(tx.execute(count).scalar_one())


def on_host(tx: Tx, host: str) -> list[str]:
    """Return the ids of the workers registered from this host."""
    return list(tx.execute(sa.select(workers.c.id).where(workers.c.host == host)).scalars())


def evict(tx: Tx, worker_id: str, beat_seen: int | None = None) -> bool:
    """Take a dead worker's lease away. With `beat_seen`, only if it has not beaten since."""
    gone = sa.delete(workers).where(workers.c.id == worker_id)
    if beat_seen is not None:
        gone = gone.where(workers.c.beat == beat_seen)
    return bool(tx.execute(gone).rowcount)


def rescue(
    database: Database,
    by: str,
    most: int | None = None,
    moved: Callable[[], None] = lambda: None,
    outbox: Outbox = NOBODY,
) -> list[str]:
    """Hand back every running job whose worker has no lease, in batches. Returns their tokens.

    A row that makes trouble is passed over, and never keeps the others from their rescue.
    `most`: end after the batch with which so many are handed back. `moved` is called between
    transactions. `outbox`: who is to be told of those that end so, since a stop was requested.
    """
    rescued: list[str] = []
    seen: set[str] = set()
    while True:
        orphans = database.read(_orphans, BATCH, seen)
        if not orphans or (most is not None and len(rescued) >= most):
            return rescued
        for run in orphans:
            seen.add(run.token)
            moved()
            try:
                database.run(_lose, run, by, outbox)
                rescued.append(run.token)
            except LeaseLost:
                continue  # somebody else has rescued it meanwhile
            except Locked:
                continue  # the next rescue looks again
            except DBAPIError as error:
                why = str(error.orig).partition("\n")[0]  # what follows may quote the row
                _log.warning("rescue of a job refused", token=run.token, error=why)


def _lose(tx: Tx, run: Run, by: str, outbox: Outbox) -> None:
    if not fence.holds(tx, run.token, run.attempt, run.worker_id):
        raise LeaseLost(run.token, run.attempt)
    state = outcomes.lose(tx, run, "its worker is gone", by)
    outbox.ended(tx, run.queue, run.token, state)


def _orphans(tx: Tx, limit: int, without: Collection[str]) -> list[Run]:
    alive = sa.exists().where(workers.c.id == jobs.c.worker_id)
    rows = tx.execute(
        sa.select(jobs.c.token, jobs.c.attempt, jobs.c.worker_id, jobs.c.queue)
        .with_hint(jobs, RUNNING_BY, "mariadb")
        .where(is_open(State.RUNNING), ~alive, jobs.c.token.notin_(without))
        .limit(limit)
    )
    return [Run(row.token, row.attempt, row.worker_id, row.queue, {}) for row in rows]


def strays(tx: Tx, worker_id: str, known: Collection[str]) -> list[Run]:
    """Return running jobs of a live worker that it knows nothing of.

    Such are left when the answer to a claim was lost after its commit.
    """
    rows = tx.execute(
        sa.select(jobs.c.token, jobs.c.attempt, jobs.c.worker_id, jobs.c.queue)
        .with_hint(jobs, RUNNING_BY, "mariadb")
        .where(is_open(State.RUNNING), jobs.c.worker_id == worker_id)
        .where(jobs.c.token.notin_(known))
    )
    return [Run(row.token, row.attempt, row.worker_id, row.queue, {}) for row in rows]


@dataclass(slots=True)
class LeaseWatch:
    """Tells which workers have stopped beating, by this process's own monotonic clock.

    A lease has lapsed when the same beat number was seen for its time: the worker's own, or `lease`
    where it has not said. No clock of another host, nor the database's, has a say in it, so a
    stepped clock lapses nothing.
    """

    lease: float
    _seen: dict[str, tuple[Beat, float]] = field(default_factory=dict)

    def lapsed(self, now: float, seen: Mapping[str, Beat]) -> dict[str, int]:
        """Return id and beat of those lapsed at the monotonic time `now`, given all beats."""
        self._seen = {
            worker: old if (old := self._seen.get(worker)) and old[0] == beat else (beat, now)
            for worker, beat in seen.items()
        }
        return {
            worker: beat.number
            for worker, (beat, since) in self._seen.items()
            if now >= self._lapses(beat, since)
        }

    def next(self, now: float) -> float:
        """Return when the next one of those seen lapses, unless it beats; later than `now`."""
        times = [self._lapses(beat, since) for beat, since in self._seen.values()]
        return min((moment for moment in times if moment > now), default=float("inf"))

    def _lapses(self, beat: Beat, since: float) -> float:
        return since + (beat.lease or self.lease)
