"""What becomes of an action whose task has one already, running or waiting."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.engine import Tx
from connector.jobs.errors import TaskBusy
from connector.jobs.job import NewJob, Overlap
from connector.jobs.states import OPEN, Requested, State
from connector.jobs.tables import is_open, jobs, queues

NAMES_TASKS = "TaskSections"
"""The parameter that names tasks. Actions that differ in it alone do the same with their tasks."""


def standing(tx: Tx, job: NewJob) -> str | TaskBusy | None:
    """Return what is in a new job's way, as its `overlap` has it; None: it is to be stored.

    For `join`, the token of an open job that does the same with all of its tasks. One that is to
    stop is not joined. For `refuse`, TaskBusy. One that is stored already is in nobody's way: its
    commit was in doubt. Holds the queue's row from here on, so that of two only one is the first.
    """
    if job.overlap is Overlap.QUEUE or not job.tasks:
        return None
    _hold(tx, job.queue)
    if tx.execute(sa.select(jobs.c.token).where(jobs.c.token == job.token)).first() is not None:
        return None
    columns = (jobs.c.token, jobs.c.tasks, jobs.c.requested, jobs.c.parameters)
    each = [
        sa.select(*columns).where(
            is_open(state), jobs.c.queue == job.queue, sa.or_(*map(_works_on, set(job.tasks)))
        )
        for state in State
        if state in OPEN
    ]
    # LIKE is the same for large and small letters on SQLite.
    found = [r for r in tx.execute(sa.union_all(*each)) if set(job.tasks) & set(r.tasks.split(","))]
    rows = sorted(found, key=lambda row: str(row.token))
    if job.overlap is Overlap.REFUSE:
        return _busy(job, rows[0].tasks, rows[0].token) if rows else None
    for row in rows:
        covered = set(job.tasks) <= set(row.tasks.split(","))
        stops = row.requested == Requested.STOP
        if covered and not stops and _rest(row.parameters) == _rest(job.parameters):
            token: str = row.token
            return token
    return None


def _hold(tx: Tx, queue: str) -> None:
    """Lock the queue's row, which is made if no worker has served the queue yet."""
    row = sa.select(queues.c.queue).where(queues.c.queue == queue).with_for_update()
    if tx.execute(row).first() is None:
        values = {"queue": queue, "paused": False, "changed_at": tx.now, "changed_by": "submit"}
        tx.execute(tx.dialect.insert_new(queues).values(values))
        tx.execute(row)


def _works_on(task: str) -> ColumnElement[bool]:
    among = sa.literal(",").concat(jobs.c.tasks).concat(",")
    return among.contains(f",{task},", autoescape=True)


def _busy(job: NewJob, tasks: str, token: str) -> TaskBusy:
    common = sorted(set(job.tasks or ()) & set(tasks.split(",")))
    return TaskBusy(common[0], token)


def _rest(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name != NAMES_TASKS}
