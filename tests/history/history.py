"""What happened, as those saw it to whom it happened, and what the database says of it at the end.

A rig writes notes while it works: clients what they were told, runs when they began and ended, and
itself what it broke. It knows nothing of the checker, nor the checker of the rig.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from connector.datastore.tables import tasks
from connector.db.engine import Database, Tx
from connector.jobs.tables import job_events, job_progress, job_tasks, jobs, workers

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Submitted:
    """An action was handed in. `accepted`: the client was told that it is stored."""

    token: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class Began:
    """A run began to have effects."""

    token: str
    attempt: int
    worker: str
    at: float


@dataclass(frozen=True, slots=True)
class Ended:
    """A run has no more effects. One that was killed may never have said so.

    `completed`: it came to the end of its work, whether or not that could be recorded then.
    `failed`: it failed by itself, not by a fault of the rig's.
    """

    token: str
    attempt: int
    worker: str
    at: float
    completed: bool
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Wrote:
    """A run wrote rows of its task in the datastore, or took hold of it, and was not refused."""

    task: str
    token: str
    attempt: int
    at: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A client asked a verb of an action. `answer`: the state it was told, "" if none was clear."""

    token: str
    verb: str
    answer: str
    at: float


@dataclass(frozen=True, slots=True)
class Fault:
    """The rig broke something. `detail`: the worker whose lease may lapse from it, "" for all."""

    kind: str
    at: float
    detail: str


@dataclass(frozen=True, slots=True)
class Renewed:
    """A worker's lease was renewed, so it was well then. Noting it is optional, and sharpens."""

    worker: str
    at: float


Note = Submitted | Began | Ended | Wrote | Asked | Fault | Renewed


@dataclass(frozen=True, slots=True)
class History:
    """Notes in the order of their times, and the rows that are there at the end.

    `tasks`: the datastore's; `begun`: the jobs that have begun a task and have not ended. Times
    are seconds of one monotonic clock. `drained`: the rig has waited until all was done.
    `alive`: the workers that live at the end.
    """

    notes: tuple[Note, ...]
    jobs: tuple[Row, ...] = ()
    events: tuple[Row, ...] = ()
    workers: tuple[Row, ...] = ()
    progress: tuple[Row, ...] = ()
    tasks: tuple[Row, ...] = ()
    begun: tuple[Row, ...] = ()
    drained: bool = True
    alive: frozenset[str] = frozenset()


def recorded(
    database: Database, notes: Iterable[Note], *, drained: bool, alive: Iterable[str] = ()
) -> History:
    """Return the history of a database that was empty when the first note was made."""
    rows = {table.name: database.read(_rows, table) for table in TABLES}
    return History(
        tuple(notes),
        rows["jobs"],
        rows["job_events"],
        rows["workers"],
        rows["job_progress"],
        rows["tasks"],
        rows["job_tasks"],
        drained,
        frozenset(alive),
    )


TABLES = (jobs, job_events, workers, job_progress, tasks, job_tasks)


def _rows(tx: Tx, table: sa.Table) -> tuple[Row, ...]:
    found = tx.execute(sa.select(table).order_by(*table.primary_key.columns))
    return tuple(dict(row._mapping) for row in found)
