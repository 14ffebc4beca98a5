"""Choosing jobs of a queue by what is known of them, in short reads whatever there is.

A queue may hold millions. So a read never looks at more than `WINDOW` rows: it goes through the
tokens from the newest back, or from the oldest on (they are made in the order of time), and each
window is a statement of its own. What few jobs hold, such as being paused, is looked up by its
index instead.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.engine import Tx
from connector.jobs.states import OPEN, State
from connector.jobs.tables import RUNNING_BY, is_open, jobs
from connector.jobs.token import first_at, made_at

WINDOW = 10_000
"""Rows that one read looks at."""

FEW = 2_000
"""Jobs up to which they are looked up by their states."""

CLOCKS = timedelta(hours=1)
"""By how much the clocks of http processes, which make tokens, and of the database may differ."""

WAITING = frozenset({State.QUEUED, State.PAUSED})
"""In these the times of an earlier attempt do not count."""

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
    begun: bool | None = None
    """Only those whose present attempt has a start; or only those without one."""


@dataclass(frozen=True)
class Found:
    """What a read has found, in order, and how to go on: None if nothing is left to look at."""

    rows: Sequence[Any] = field(repr=False)
    """With `token`, `started_at`, and if that was wanted `size`, the characters of the result."""
    rest: "Rest | None" = None


@dataclass(frozen=True)
class Rest:
    """What is still to be looked at: the tokens behind `after`; or just these few."""

    after: str | None = None
    until: str | None = None
    """The last token of the window that is looked at; None: that is to be found."""
    end: str | None = None
    """The last token that may be wanted at all; None: there is no such bound."""
    few: tuple[str, ...] | None = None
    ascending: bool = False


def start(
    tx: Tx, selection: Selection, after: str | None = None, ascending: bool = False
) -> Rest | None:
    """Say where to begin: with the newest, or if `ascending` with the oldest. None: nothing is.

    `after`: the token that a client has seen last, to go on behind it.
    """
    few = _few(tx, selection.queue, selection.states)
    if few is not None:
        wanted = sorted((t for t in few if _beyond(t, after, ascending)), reverse=not ascending)
        return Rest(few=tuple(wanted), ascending=ascending)
    since, until = selection.queued
    oldest = None if since is None else first_at(since, -CLOCKS)
    newest = None if until is None else first_at(until, CLOCKS)
    if not ascending:
        after = newest if after is None else min(after, newest or after)
        return Rest(after, end=oldest)
    # What arrives from now on is not waited for: else the end might never come.
    newest_first = sa.select(jobs.c.token).order_by(jobs.c.token.desc())
    last = tx.execute(newest_first.limit(1)).scalar()
    if last is None:
        return None
    if after is None and oldest is not None:
        after = oldest
    elif after is not None:
        after = max(after, oldest or after)
    return Rest(after, end=min(last, newest or last), ascending=True)


def read(tx: Tx, selection: Selection, rest: Rest, limit: int, *, sized: bool = True) -> Found:
    """Return at most `limit` of the jobs that are left, in order; of a window maybe none."""
    columns = [size()] if sized else []
    if rest.few is not None:
        these, others = rest.few[:WINDOW], rest.few[WINDOW:]
        chosen = jobs.c.token.in_(these)
        rows = _rows(tx, selection, limit, rest.ascending, columns, chosen) if these else ()
        if len(rows) == limit:
            last = rows[-1].token
            left = tuple(t for t in rest.few if _beyond(t, last, rest.ascending))
            return Found(rows, replace(rest, few=left))
        return Found(rows, replace(rest, few=others) if others else None)
    until = rest.until or _last_of_window(tx, rest)
    inside = _bounds(rest.after, until or rest.end, rest.ascending)
    rows = _rows(tx, selection, limit, rest.ascending, columns, *inside)
    if len(rows) == limit:
        return Found(rows, replace(rest, after=rows[-1].token, until=until))
    return Found(rows, None if until is None else replace(rest, after=until, until=None))


def sized(tx: Tx, tokens: Collection[str]) -> dict[str, Any]:
    """Return rows with `token` and `size`, as `read` does, of jobs that are known; by token."""
    rows = tx.execute(sa.select(jobs.c.token, size()).where(jobs.c.token.in_(tokens)))
    return {row.token: row for row in rows}


def horizon(rest: Rest | None) -> datetime | None:
    """Return a moment before which no job was stored that is left of an ascending walk.

    None: nothing is left, or that cannot be told.
    """
    if rest is None or rest.few is not None or rest.after is None:
        return None
    return made_at(rest.after) - CLOCKS


def _beyond(token: str, after: str | None, ascending: bool) -> bool:
    return after is None or (token > after if ascending else token < after)


def _bounds(after: str | None, until: str | None, ascending: bool) -> list[ColumnElement[bool]]:
    token = jobs.c.token
    bounds = []
    if after is not None:
        bounds.append(token > after if ascending else token < after)
    if until is not None:
        bounds.append(token <= until if ascending else token >= until)
    return bounds


def _last_of_window(tx: Tx, rest: Rest) -> str | None:
    token = jobs.c.token
    found: str | None = tx.execute(
        sa.select(token)
        .where(*_bounds(rest.after, rest.end, rest.ascending))
        .order_by(token.asc() if rest.ascending else token.desc())
        .offset(WINDOW - 1)
        .limit(1)
    ).scalar()
    return found


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
        hint = RUNNING_BY if state in OPEN else ENDED_BY
        found += tx.execute(select.with_hint(jobs, hint, "mariadb"))
        if len(found) > FEW:
            return None
    return [row.token for row in found if row.queue == queue]


ENDED_BY = "FORCE INDEX (jobs_ended)"
"""Hint for MariaDB, as `RUNNING_BY`."""


def size() -> ColumnElement[int]:
    """Return the characters of a job's result."""
    length = sa.func.length(sa.cast(jobs.c.result, sa.Text))
    return sa.func.coalesce(length, 0).label("size")


def _rows(
    tx: Tx,
    selection: Selection,
    limit: int,
    ascending: bool,
    columns: Sequence[ColumnElement[Any]],
    *bounds: ColumnElement[bool],
) -> Sequence[Any]:
    token = jobs.c.token
    select = (
        sa.select(token, jobs.c.started_at, *columns)
        .where(*bounds, *conditions(selection))
        .order_by(token.asc() if ascending else token.desc())
        .limit(limit)
    )
    return tx.execute(select).all()


def conditions(selection: Selection) -> list[ColumnElement[bool]]:
    """Return what must hold of a row that is selected."""
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
    if selection.begun is not None:
        begun = sa.and_(jobs.c.state.not_in(sorted(WAITING)), jobs.c.started_at.is_not(None))
        where.append(begun if selection.begun else sa.not_(begun))
    return where
