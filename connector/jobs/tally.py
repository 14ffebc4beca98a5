"""How many jobs of a queue have ended: exact, and as quick with ten million of them as with ten.

`ended_counts` holds the number of those that ended until a moment that lies a little back; only
what has ended since is counted when somebody asks. Workers move that moment on. What is removed, or
begins again, is taken out by triggers, so that it also holds for changes by hand.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.engine import Tx
from connector.db.types import Timestamp
from connector.jobs.states import FINAL, State
from connector.jobs.tables import ended_counts, jobs

LAG = 15.0
"""Seconds: no transaction of ours takes as long, so nothing ends later with an earlier time."""

STEP = 5000
"""Jobs counted in one transaction, about."""

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_FINAL = sorted(FINAL)


def ended(tx: Tx, queue: str) -> int:
    """Return how many jobs of a queue have ended."""
    before = sa.select(ended_counts.c.jobs).where(ended_counts.c.queue == queue).scalar_subquery()
    marker = tx.execute(sa.select(_marker())).scalar_one()
    while True:
        since = marker or _BEGINNING
        number: ColumnElement[int] = sa.func.coalesce(before, 0)
        for state in _FINAL:
            count = sa.select(sa.func.count()).select_from(jobs)
            count = count.where(_ended(state), jobs.c.ended_at > since, jobs.c.queue == queue)
            number = number + count.scalar_subquery()
        # In one statement, so that both are of the same moment; else it is asked once more.
        row = tx.execute(sa.select(number.label("jobs"), _marker().label("marker"))).one()
        if row.marker == marker:
            return int(row.jobs)
        marker = row.marker


def advance(tx: Tx) -> bool:
    """Count what has ended meanwhile; return whether more is left to be counted at once."""
    micros = tx.execute(sa.select(tx.micros(tx.after(-LAG)))).scalar_one()
    limit = _BEGINNING + timedelta(microseconds=micros)
    marker = _there(tx)
    if marker > limit:
        # The clock was set back: what ends now ends before what is counted already.
        tx.execute(sa.update(ended_counts).values(jobs=0, upto=_BEGINNING))
        return True
    if _first(tx, marker, limit) is None:
        return False
    full = _first(tx, marker, limit, STEP)
    until = full or _last(tx, marker, limit)
    if until is None:
        return False
    # Which queues there are is looked up before: a row must be there to be locked.
    marker = hold(tx, _counted(tx, marker, until))
    if marker >= until:
        return True  # somebody was faster
    found = _counted(tx, marker, until)
    tx.execute(sa.update(ended_counts).values(upto=until))
    for queue, number in sorted(found.items()):
        here = ended_counts.c.queue == queue
        tx.execute(sa.update(ended_counts).where(here).values(jobs=ended_counts.c.jobs + number))
    return full is not None


def hold(tx: Tx, names: Collection[str]) -> datetime:
    """Keep counting off until the transaction ends; return the moment up to which it has come.

    To be called before jobs of these queues are stored that have ended already.
    """
    rows = sa.select(ended_counts.c.queue).order_by(ended_counts.c.queue).with_for_update()
    known = set(tx.execute(rows).scalars())
    for queue in sorted(set(names) - known):
        new = {"queue": queue, "jobs": 0, "upto": _there(tx)}
        tx.execute(tx.dialect.insert_new(ended_counts).values(new))
    tx.execute(rows)
    return _there(tx)


def add(tx: Tx, upto: datetime, ended: Iterable[tuple[str, datetime]]) -> None:
    """Count jobs that were stored with an end before that moment: their queue, and when."""
    number = Counter(queue for queue, at in ended if at <= upto)
    for queue, more in sorted(number.items()):
        mine = sa.update(ended_counts).where(ended_counts.c.queue == queue)
        tx.execute(mine.values(jobs=ended_counts.c.jobs + more))


def _there(tx: Tx) -> datetime:
    return tx.execute(sa.select(_marker())).scalar_one() or _BEGINNING


def _marker() -> ColumnElement[Any]:
    """Return the moment before which all are counted; the same in each row, if there is one."""
    return _typed(sa.select(sa.func.max(ended_counts.c.upto)).scalar_subquery())


def _first(tx: Tx, marker: datetime, limit: datetime, offset: int = 0) -> datetime | None:
    """Return when the first job after the marker ended, or one that lies `offset` behind it."""
    each = []
    for state in _FINAL:
        times = sa.select(jobs.c.ended_at).where(*_between(state, marker, limit))
        some = times.order_by(jobs.c.ended_at).offset(offset).limit(1).subquery()
        each.append(sa.select(some.c.ended_at))
    return _one(tx, sa.func.min, each)


def _last(tx: Tx, marker: datetime, limit: datetime) -> datetime | None:
    times = [
        sa.select(sa.func.max(jobs.c.ended_at).label("ended_at")).where(
            *_between(state, marker, limit)
        )
        for state in _FINAL
    ]
    return _one(tx, sa.func.max, times)


def _one(tx: Tx, which: Any, each: list[sa.Select[Any]]) -> datetime | None:
    every = sa.union_all(*each).subquery()
    found: datetime | None = tx.execute(sa.select(_typed(which(every.c.ended_at)))).scalar_one()
    return found


def _between(state: State, marker: datetime, limit: datetime) -> list[ColumnElement[bool]]:
    return [_ended(state), jobs.c.ended_at > marker, jobs.c.ended_at < limit]


def _counted(tx: Tx, marker: datetime, until: datetime) -> dict[str, int]:
    each = [
        sa.select(jobs.c.queue, sa.func.count().label("jobs"))
        .where(_ended(state), jobs.c.ended_at > marker, jobs.c.ended_at <= until)
        .group_by(jobs.c.queue)
        for state in _FINAL
    ]
    found: dict[str, int] = {}
    for row in tx.execute(sa.union_all(*each)):
        found[row.queue] = found.get(row.queue, 0) + row.jobs
    return found


def _ended(state: State) -> ColumnElement[bool]:
    return jobs.c.state == sa.literal_column(f"'{state}'")


def _typed(moment: ColumnElement[Any]) -> ColumnElement[datetime]:
    return sa.type_coerce(moment, Timestamp())
