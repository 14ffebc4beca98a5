"""Firing schedules: each due time once, by whichever worker is first.

Firing changes the row and stores the job in one transaction that holds the row. So one worker in
the whole cluster fires a due time, and repeating what was in doubt does no harm: either the due
time was moved and the job stored, or neither.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connector.db.engine import Tx
from connector.jobs.claim import may_claim
from connector.jobs.errors import JobError, QueueFull, ScheduleSpoilt
from connector.jobs.job import NewJob, Overlap
from connector.jobs.schedule_table import schedules
from connector.jobs.schedules import clock, moment
from connector.jobs.states import State
from connector.jobs.submit import AGEING_STEP, submit
from connector.jobs.tables import jobs
from connector.jobs.timing import Timing
from connector.jobs.token import new_token

LATE = timedelta(seconds=60)
"""A due time that nobody has fired for so long was missed."""


@dataclass(frozen=True, slots=True)
class Firing:
    """What holds for jobs that a worker stores for schedules. Arguments are those of `submit`."""

    worker_id: str
    config_hash: str | None = None
    overlap: Overlap = Overlap.QUEUE
    ageing_step: float = AGEING_STEP
    most: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fired:
    """What became of a due time. `refused`: why nothing was stored, if something was in the way."""

    task: str
    due_at: datetime | None
    """None: it was asked for by hand."""
    token: str | None
    following: datetime | None
    refused: JobError | None = None


def wait(tx: Tx, tasks: Collection[str]) -> float | None:
    """Return the seconds until the first of these tasks is due (0: now), or None if none is."""
    c = schedules.c
    asked = sa.func.max(sa.case((c.asked_by.isnot(None), 1), else_=0))
    columns = (sa.func.min(c.due_at).label("due_at"), asked.label("asked"), clock(tx))
    row = tx.execute(sa.select(*columns).where(c.task.in_(tasks))).one()
    if row.asked:
        return 0.0
    if row.due_at is None:
        return None
    seconds: float = (row.due_at - moment(row.micros)).total_seconds()
    return max(0.0, seconds)


def fire(
    tx: Tx, tasks: Collection[str], how: Firing, without: Collection[str] = ()
) -> Fired | None:
    """Fire one due time of these tasks, or what was asked for by hand; None: there is none.

    Of several due times of one task that are over, the last is fired, if it was missed only where
    `missed` is once. Where the task's last job still waits to begin, that one serves the due time.
    A full queue leaves the due time as it is. `without`: tasks to pass over. Passes over rows that
    somebody holds. Raises ScheduleSpoilt for a row that somebody has spoilt.
    """
    c = schedules.c
    select = (
        sa.select(*schedules.c, clock(tx))
        .where(
            c.task.in_(tasks),
            c.task.notin_(without),
            sa.or_(c.due_at <= tx.now, c.asked_by.isnot(None)),
            may_claim(how.worker_id),
        )
        .order_by(c.due_at, c.task)
        .limit(1)
        .with_for_update(skip_locked=True, of=schedules)
    )
    row = tx.execute(select).first()
    if row is None:
        return None
    try:
        return _fire(tx, row, how)
    except (ValueError, TypeError) as error:
        raise ScheduleSpoilt(row.task, str(error)) from error


def _fire(tx: Tx, row: Any, how: Firing) -> Fired:
    timing = Timing(row.start, row.zone, row.repeat_seconds)
    now, due, following = moment(row.micros), None, row.due_at
    if row.due_at is not None and row.due_at <= now:
        due = timing.latest(row.first_at, now) or row.due_at
        following = timing.following(row.first_at, now)
    wanted = due is not None and (row.missed == "once" or now - due <= LATE)
    token: str | JobError | None = None
    stored = False
    if wanted or row.asked_by is not None:
        token = _still_waiting(tx, row.last_token)
        if token is None:
            token, stored = _store(tx, row, how)
    if isinstance(token, QueueFull):
        return Fired(row.task, due, None, row.due_at, token)
    values: dict[str, Any] = {"due_at": following, "asked_by": None}
    if isinstance(token, str):
        values |= {"last_token": token}
        if wanted:
            # What another action serves is not run for it: cycles count what is.
            runs = row.runs + stored
            values |= {"last_due_at": due, "runs": runs}
            if 0 <= row.cycles <= runs:
                values["due_at"] = following = None
    tx.execute(sa.update(schedules).where(schedules.c.task == row.task).values(values))
    if isinstance(token, JobError):
        return Fired(row.task, due, None, following, token)
    return Fired(row.task, due, token, following)


def _store(tx: Tx, row: Any, how: Firing) -> tuple[str | JobError, bool]:
    """Store a job; return what `submit` says, and whether it is a new one."""
    job = NewJob(
        new_token(),
        row.queue,
        row.parameters,
        (row.task,),
        submitted_by=f"schedule {row.asked_by or ''}".strip(),
        config_hash=how.config_hash,
        overlap=how.overlap,
        stored_by="schedule submit",
    )
    (token,) = submit(tx, [job], how.ageing_step, how.most)
    return token, token == job.token


def _still_waiting(tx: Tx, token: str | None) -> str | None:
    """Return the token if the job has not begun yet: one more behind it would find nothing new."""
    if token is None:
        return None
    waits = (jobs.c.token == token, jobs.c.state == State.QUEUED, jobs.c.attempt == 0)
    found: str | None = tx.execute(sa.select(jobs.c.token).where(*waits)).scalar()
    return found
