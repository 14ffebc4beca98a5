"""Choosing jobs of a queue by what is known of them, in short reads whatever there is.

A queue may hold millions. So a read never looks at more than `WINDOW` rows: it goes through the
tokens from the newest back (they are made in the order of time), and each window is a statement of
its own. What few jobs hold, such as being paused, is looked up by its index instead.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.engine import Tx
from connector.jobs.states import OPEN, State
from connector.jobs.tables import RUNNING_BY, is_open, jobs
from connector.jobs.token import first_at

WINDOW = 10_000
"""Rows that one read looks at."""

FEW = 2_000
"""Jobs up to which they are looked up by their states."""

CLOCKS = timedelta(hours=1)
"""By how much the clocks of http processes, which make tokens, and of the database may differ."""

_FIRST = datetime(1970, 1, 2, tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC) - CLOCKS
# A client may name any time that can be written; no token is made before or after these.

Span = tuple[datetime | None, datetime | None]
"""After and before, both inclusive; None is open."""


@dataclass(frozen=True)
class Selection:
    """Which jobs of a queue are meant; everything that is given must hold."""

    queue: str
    states: frozenset[State] = frozenset(State)
    queued: Span = (None, None)
    started: Span = (None, None)
    ended: Span = (None, None)
    priorities: tuple[int | None, int | None] = (None, None)
    """Least and most, both inclusive."""

    @property
    def everything(self) -> bool:
        """Whether it means all jobs of the queue."""
        return self == Selection(self.queue)


@dataclass(frozen=True)
class Found:
    """What a read has found, newest first, and how to go on: None if nothing is left to look at."""

    rows: list[Any] = field(repr=False)
    """With `token`, `started_at`, `ended_at` and `size`, the characters of the result."""
    rest: "Rest | None" = None


@dataclass(frozen=True)
class Rest:
    """What is still to be looked at: the tokens before this one; or just these few."""

    before: str | None = None
    few: tuple[str, ...] | None = None


def start(tx: Tx, selection: Selection, after: str | None = None) -> Rest:
    """Say where to begin. `after`: the token that a client has seen last, to go on behind it."""
    few = _few(tx, selection.queue, selection.states)
    if few is not None:
        wanted = sorted((token for token in few if after is None or token < after), reverse=True)
        return Rest(few=tuple(wanted))
    newest = selection.queued[1]
    if newest is not None and newest < _LAST:
        limit = first_at(newest + CLOCKS)
        after = limit if after is None else min(after, limit)
    return Rest(before=after)


def read(tx: Tx, selection: Selection, rest: Rest, limit: int) -> Found:
    """Return at most `limit` of the jobs that are left, newest first; of a window maybe none."""
    if rest.few is not None:
        these, others = rest.few[:WINDOW], rest.few[WINDOW:]
        rows = _rows(tx, selection, limit, jobs.c.token.in_(these)) if these else []
        if len(rows) == limit:
            left = tuple(token for token in rest.few if token < rows[-1].token)
            return Found(rows, Rest(few=left))
        return Found(rows, Rest(few=others) if others else None)
    older = () if rest.before is None else (jobs.c.token < rest.before,)
    oldest = selection.queued[0]
    floor = None if oldest is None else first_at(max(oldest, _FIRST) - CLOCKS)
    bounded = older if floor is None else (*older, jobs.c.token >= floor)
    lowest = tx.execute(
        sa.select(jobs.c.token)
        .where(*bounded)
        .order_by(jobs.c.token.desc())
        .offset(WINDOW - 1)
        .limit(1)
    ).scalar()
    inside = bounded if lowest is None else (*older, jobs.c.token >= lowest)
    rows = _rows(tx, selection, limit, *inside)
    if len(rows) == limit:
        return Found(rows, Rest(before=rows[-1].token))
    return Found(rows, None if lowest is None else Rest(before=lowest))


def _few(tx: Tx, queue: str, states: Collection[State]) -> list[str] | None:
    """Return the tokens of all jobs in these states, unless they are many."""
    if len(states) == len(State):
        return None
    found: list[Any] = []
    for state in states:
        which = (
            is_open(state)
            if state in OPEN
            else sa.and_(jobs.c.state == state, jobs.c.ended_at.is_not(None))
        )
        select = sa.select(jobs.c.token, jobs.c.queue).where(which).limit(FEW + 1)
        hint = RUNNING_BY if state in OPEN else _ENDED_BY
        found += tx.execute(select.with_hint(jobs, hint, "mariadb"))
        if len(found) > FEW:
            return None
    return [row.token for row in found if row.queue == queue]


_ENDED_BY = "FORCE INDEX (jobs_ended)"


def _rows(tx: Tx, selection: Selection, limit: int, *bounds: ColumnElement[bool]) -> list[Any]:
    size = sa.func.coalesce(sa.func.length(sa.cast(jobs.c.result, sa.Text)), 0).label("size")
    select = (
        sa.select(jobs.c.token, jobs.c.started_at, jobs.c.ended_at, size)
        .where(*bounds, *_conditions(selection))
        .order_by(jobs.c.token.desc())
        .limit(limit)
    )
    return list(tx.execute(select))


def _conditions(selection: Selection) -> list[ColumnElement[bool]]:
    where = [jobs.c.queue == selection.queue]
    if selection.states != frozenset(State):
        where.append(jobs.c.state.in_(sorted(selection.states)))
    spans: Mapping[Any, Span] = {
        jobs.c.queued_at: selection.queued,
        jobs.c.started_at: selection.started,
        jobs.c.ended_at: selection.ended,
    }
    for column, (after, before) in spans.items():
        if after is not None:
            where.append(column >= after)
        if before is not None:
            where.append(column <= before)
    least, most = selection.priorities
    if least is not None:
        where.append(jobs.c.priority >= least)
    if most is not None:
        where.append(jobs.c.priority <= most)
    return where
