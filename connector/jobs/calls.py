"""How often, and when last, jobs of a queue have worked on each task."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from connector.db.engine import Tx
from connector.jobs.selection import WINDOW
from connector.jobs.tables import jobs


@dataclass(frozen=True, slots=True)
class Calls:
    """The jobs that have begun a task: how many, when one began last, when one ended last."""

    number: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None

    def __add__(self, other: "Calls") -> "Calls":
        return Calls(
            self.number + other.number,
            _later(self.started_at, other.started_at),
            _later(self.ended_at, other.ended_at),
        )


def by_task(tx: Tx, queue: str) -> dict[str, Calls]:
    """Return the calls of each task, as the newest `WINDOW` jobs of all queues tell.

    No more are looked at, whatever the history holds.
    """
    newest = sa.select(jobs.c.token).order_by(jobs.c.token.desc())
    lowest = tx.execute(newest.offset(WINDOW - 1).limit(1)).scalar()
    inside = () if lowest is None else (jobs.c.token >= lowest,)
    columns = (
        jobs.c.tasks,
        sa.func.count().label("number"),
        sa.func.max(jobs.c.started_at).label("started_at"),
        sa.func.max(jobs.c.ended_at).label("ended_at"),
    )
    begun = (jobs.c.queue == queue, jobs.c.attempt > 0, jobs.c.tasks.is_not(None))
    found: dict[str, Calls] = {}
    for row in tx.execute(sa.select(*columns).where(*inside, *begun).group_by(jobs.c.tasks)):
        calls = Calls(row.number, row.started_at, row.ended_at)
        for task in row.tasks.split(","):
            found[task] = found.get(task, Calls()) + calls
    return found


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)
