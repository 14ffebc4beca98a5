"""Schedules as rows: made from the configuration, marked when it drops them, changed by hand."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from connector.db.engine import Tx
from connector.jobs.errors import NoSuchSchedule
from connector.jobs.job import Document
from connector.jobs.schedule_table import schedules
from connector.jobs.tables import workers
from connector.jobs.timing import Timing

FORGET = 7.0
"""Days for which the row of a schedule that no worker knows is kept."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule as it is configured."""

    task: str
    queue: str
    parameters: Document
    timing: Timing
    cycles: int = -1
    """Runs in all; -1: without end."""
    missed: Literal["once", "skip"] = "once"


def arrange(tx: Tx, wanted: Collection[Schedule], by: str) -> list[str]:
    """Have a row for each schedule of a configuration; return the tasks whose schedule begins anew.

    That is one that is new, or whose times or number of runs were changed. What others have reached
    stays. Raises ValueError for times that cannot be read.
    """
    return [each.task for each in sorted(wanted, key=lambda s: s.task) if _arrange(tx, each, by)]


def _arrange(tx: Tx, wanted: Schedule, by: str) -> bool:
    mine = schedules.c.task == wanted.task
    row = tx.execute(sa.select(schedules).where(mine).with_for_update()).first()
    timing = wanted.timing
    times = {
        "start": timing.start,
        "zone": timing.zone,
        "repeat_seconds": timing.repeat,
        "cycles": wanted.cycles,
    }
    plain = {
        "queue": wanted.queue,
        "parameters": dict(wanted.parameters),
        "missed": wanted.missed,
        "gone_at": None,
    }
    if row is not None and _has(row, times):
        if not _has(row, plain):
            tx.execute(sa.update(schedules).where(mine).values(plain))
        return False
    now = moment(tx.execute(sa.select(clock(tx))).scalar_one())
    first = timing.first(now)
    anew = {
        **times,
        **plain,
        "first_at": first,
        "due_at": timing.following(first, now - timedelta(seconds=1)) if wanted.cycles else None,
        "runs": 0,
        "changed_at": tx.now,
        "changed_by": by,
    }
    if row is None:
        tx.execute(tx.dialect.insert_new(schedules).values(task=wanted.task, **anew))
    else:
        tx.execute(sa.update(schedules).where(mine).values(anew))
    return True


def sweep(tx: Tx) -> list[str]:
    """Mark the schedules that no worker knows any more, and remove those long marked.

    Returns the tasks of the newly marked.
    """
    known = {
        task for serves in tx.execute(sa.select(workers.c.serves)).scalars() for task in _of(serves)
    }
    columns = (schedules.c.task, schedules.c.gone_at)
    rows = tx.execute(sa.select(*columns).order_by(schedules.c.task)).all()
    gone = [row.task for row in rows if row.gone_at is None and row.task not in known]
    back = [row.task for row in rows if row.gone_at is not None and row.task in known]
    for tasks, at in ((gone, tx.now), (back, None)):
        if tasks:
            tx.execute(sa.update(schedules).where(schedules.c.task.in_(tasks)).values(gone_at=at))
    if any(row.gone_at for row in rows):
        tx.execute(sa.delete(schedules).where(schedules.c.gone_at < tx.after(-FORGET * 86400)))
    return gone


def skip(tx: Tx, task: str, by: str) -> datetime | None:
    """Leave out the next due time; return the one after it. Raises NoSuchSchedule, ValueError."""
    row = _locked(tx, task)
    following: datetime | None = row.due_at
    if row.due_at is not None:
        timing = Timing(row.start, row.zone, row.repeat_seconds)
        following = timing.following(row.first_at, max(row.due_at, moment(row.micros)))
    _change(tx, task, {"due_at": following}, f"{by} skip")
    return following


def ask(tx: Tx, task: str, by: str) -> None:
    """Have a schedule's task run now, beside its due times. Raises NoSuchSchedule.

    A worker does so within some seconds. It does not count as one of the schedule's runs.
    """
    _locked(tx, task)
    _change(tx, task, {"asked_by": by}, f"{by} fire")


def listed(tx: Tx) -> Sequence[Any]:
    """Return every schedule's row, those that are due first at the top."""
    return tx.execute(
        sa.select(schedules).order_by(
            schedules.c.due_at.is_(None), schedules.c.due_at, schedules.c.task
        )
    ).all()


def _locked(tx: Tx, task: str) -> Any:
    mine = schedules.c.task == task
    row = tx.execute(sa.select(*schedules.c, clock(tx)).where(mine).with_for_update()).first()
    if row is None:
        known = tx.execute(sa.select(schedules.c.task).order_by(schedules.c.task)).scalars()
        raise NoSuchSchedule(task, list(known))
    return row


def _change(tx: Tx, task: str, values: Mapping[str, Any], by: str) -> None:
    told = {**values, "changed_at": tx.now, "changed_by": by}
    tx.execute(sa.update(schedules).where(schedules.c.task == task).values(told))


def clock(tx: Tx) -> sa.Label[int]:
    """Return the column `micros`: what time it is in the transaction."""
    return tx.micros(tx.now).label("micros")


def moment(micros: int) -> datetime:
    """Return the time that `clock` told. An engine may give back a bound time as a text."""
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(micros))


def _has(row: Any, values: Mapping[str, Any]) -> bool:
    return all(row._mapping[name] == value for name, value in values.items())


def _of(serves: object) -> Sequence[str]:
    """Return the tasks with a schedule that a worker says it knows."""
    told = serves.get("schedules") if isinstance(serves, Mapping) else None
    return told if isinstance(told, list) else ()
