"""What waits in each queue: a look that is cheap enough to be taken before each claim."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.dialects.base import Dialect
from connector.db.engine import Terms, Tx
from connector.jobs.places import AHEAD, NOW, Place, behind_now
from connector.jobs.states import State
from connector.jobs.tables import is_open, jobs, queues


@dataclass(frozen=True, slots=True)
class Due:
    """What waits in a queue."""

    seconds: float
    """Until its first job may be due; 0: now."""
    ahead: Place | None = None
    """If nothing is ranked before now: where behind it one is due, for its low priority."""
    beyond: Place = NOW
    """Where the next look behind now goes on."""
    limited: bool = False
    """Whether the whole cluster shares a limit, so that claims must take turns."""


def due(
    tx: Tx, names: Collection[str], beyond: Mapping[str, Place] | None = None, most: int = AHEAD
) -> dict[str, Due]:
    """Return what waits in each queue that has waiting jobs.

    A look at the head of the index, cheap enough to be taken before each claim; where nothing there
    is ranked before now, also at `most` jobs behind it, from `beyond` on.
    """
    given = {f"queue{number}": name for number, name in enumerate(sorted(names))}
    rows = tx.execute_built(_heads, given, len(given)).all() if given else []
    found = {}
    for row in rows:
        if row.micros is None:
            continue
        ahead, goes_on = None, NOW
        if row.micros > 0:
            ahead, goes_on = _behind(tx, row.queue, (beyond or {}).get(row.queue, NOW), most)
        seconds = 0.0 if ahead else max(0.0, row.micros / 1e6)
        found[row.queue] = Due(seconds, ahead, goes_on, row.max_running is not None)
    return found


@lru_cache(maxsize=64)
def _heads(dialect: Dialect, now: ColumnElement[datetime], count: int) -> sa.CompoundSelect[Any]:
    """Return the look at so many queues, `queue0` and on."""
    terms = Terms(dialect, now)
    names = [sa.bindparam(f"queue{number}", type_=sa.Text) for number in range(count)]
    return sa.union_all(*(_head(terms, name) for name in names))


def _head(terms: Terms, queue: ColumnElement[str]) -> sa.Select[tuple[str, int, int]]:
    """Return the look at one queue: each of its parts reads one entry of an index."""
    first = (
        sa.select(jobs.c.rank)
        .where(is_open(State.QUEUED), jobs.c.queue == queue)
        .order_by(jobs.c.rank, jobs.c.token)
        .limit(1)
        .scalar_subquery()
    )
    limit = sa.select(queues.c.max_running).where(queues.c.queue == queue).scalar_subquery()
    return sa.select(
        queue.label("queue"),
        (first - terms.micros(terms.now)).label("micros"),
        limit.label("max_running"),
    )


def _behind(tx: Tx, queue: str, start: Place, most: int) -> tuple[Place | None, Place]:
    """Return the first place behind now where a job is due, and where the next look goes on.

    That is there as well, while something is found; else behind what has been looked at, and in the
    end at the beginning again.
    """
    some = behind_now(tx, queue, start, most).subquery()
    due = sa.or_(some.c.run_at <= tx.now, some.c.run_at <= some.c.queued_at)
    first = sa.select(some.c.rank, some.c.token).where(due).order_by(some.c.rank, some.c.token)
    if row := tx.execute(first.limit(1)).first():
        return (row.rank, row.token), (row.rank, row.token)
    last = behind_now(tx, queue, start, 1).offset(most - 1)
    row = tx.execute(last).first()
    return None, (row.rank, row.token) if row else NOW
