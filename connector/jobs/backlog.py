"""What waits, for those who watch: exact numbers of open jobs, and for how long work is overdue.

It costs the same however many wait and have ended, and writes nothing, so that no row is a place
where all transactions meet: nearly all are counted beforehand, see tally.py.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from connector.db.engine import Tx
from connector.jobs import places, reading, turns
from connector.jobs.places import is_due
from connector.jobs.states import State
from connector.jobs.tables import is_open, jobs, queues
from connector.jobs.why import causes

WINDOW = 1000
"""Jobs of a queue, first in the order of claims, among which the one longest due is looked for."""


CHUNK = 20
"""Jobs that are asked at once whether their tasks are busy."""

NOT_FREE = frozenset({"queue paused", "limit full", "not due", "paused", "running"})
"""Causes of waiting that no worker could end."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """One queue: `jobs` that are open, by state, and how long work that could be done is due."""

    queue: str
    paused: bool = False
    max_running: int | None = None
    jobs: Mapping[State, int] = field(default_factory=dict)
    age: float = 0.0
    """Seconds for which the oldest job has been due that a worker could claim; 0 for none."""

    @property
    def full(self) -> bool:
        """Whether it runs as many as it may in the whole cluster."""
        running = self.jobs.get(State.RUNNING, 0)
        return self.max_running is not None and running >= self.max_running


def backlogs(tx: Tx, known: Collection[str], on_tasks: Collection[str]) -> list[Backlog]:
    """Return every queue: the `known` ones, and those that have a row or an open job; by name.

    `on_tasks`: those whose jobs work on tasks. A job whose task is taken by another could not be
    claimed, and makes no age; nor does one of a queue that is paused or full.
    """
    counts = reading.open_counts(tx)
    rows = tx.execute(sa.select(queues.c.queue, queues.c.paused, queues.c.max_running))
    rules = {row.queue: (bool(row.paused), row.max_running) for row in rows}
    found = []
    for name in sorted({*known, *rules, *(queue for queue, _ in counts)}):
        paused, most = rules.get(name, (False, None))
        open_jobs = {state: n for (queue, state), n in counts.items() if queue == name}
        seen = Backlog(name, paused, most, open_jobs)
        if open_jobs.get(State.QUEUED) and not paused and not seen.full:
            age = _age_of_free(tx, name) if name in on_tasks else _age(tx, name)
            seen = Backlog(name, paused, most, open_jobs, age)
        found.append(seen)
    return found


def _age(tx: Tx, queue: str) -> float:
    """Return how long the job that is longest due has been so.

    It is the first where priorities are equal, and else among the first, or ranked behind now for
    its low priority.
    """
    waiting = (
        sa.select(jobs.c.run_at)
        .where(is_open(State.QUEUED), jobs.c.queue == queue, is_due(tx))
        .order_by(jobs.c.rank, jobs.c.token)
    )
    now = tx.micros(tx.now)
    before = waiting.where(jobs.c.rank <= now).limit(WINDOW).subquery()
    oldest = tx.execute(sa.select(now - tx.micros(sa.func.min(before.c.run_at)))).scalar()
    if oldest is None:
        behind = places.behind_now(tx, queue, most=places.FAR_AHEAD).subquery()
        due = sa.or_(behind.c.run_at <= tx.now, behind.c.run_at <= behind.c.queued_at)
        least = sa.select(now - tx.micros(sa.func.min(behind.c.run_at))).where(due)
        oldest = tx.execute(least).scalar()
    return max(0.0, float(oldest or 0) / 1e6)


def _age_of_free(tx: Tx, queue: str) -> float:
    """Return the same where jobs work on tasks: of the first for each set of tasks.

    Who waits for a busy task is passed over for the job that has begun it, which may wait too.
    """
    first = [row.token for row in turns.first(tx, queue, CHUNK, {}, places.NOW, ())]
    for start in range(0, min(len(first), WINDOW), CHUNK):
        waiting = set()
        for token, (cause, remedy) in causes(tx, first[start : start + CHUNK]).items():
            if cause == "task busy":
                waiting.add(remedy.rpartition(" ")[2])  # the command names it
            elif cause not in NOT_FREE:
                waiting.add(token)
        since = sa.select(tx.micros(tx.now) - tx.micros(sa.func.min(jobs.c.run_at)))
        chosen = (jobs.c.token.in_(waiting), is_open(State.QUEUED), is_due(tx))
        if (oldest := tx.execute(since.where(*chosen)).scalar()) is not None:
            return max(0.0, float(oldest) / 1e6)
    return 0.0
