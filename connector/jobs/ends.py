"""Going through the jobs that have ended, in the order of their ends, in short reads.

The index `jobs_ended` holds the jobs of each final state in that order, whatever their queue; here
its parts are merged. A read looks at no more than a window of rows of each state.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.dialects.base import Dialect
from connector.db.engine import Tx
from connector.jobs import selection as choosing
from connector.jobs.selection import ENDED_BY, Selection
from connector.jobs.states import FINAL, State
from connector.jobs.tables import jobs

Place = tuple[datetime, str]
"""When a job ended, and its token."""

_LEAST = "00000000-0000-0000-0000-000000000000"
_GREATEST = "ffffffff-ffff-ffff-ffff-ffffffffffff"


@dataclass(frozen=True)
class Stretch:
    """What is still to be looked at: the places behind `after`, to the `end` of all."""

    ascending: bool
    after: Place | None = None
    until: Place | None = None
    """The last place of the window that is looked at; None: that is to be found."""
    end: Place | None = None


@dataclass(frozen=True)
class Ended:
    """What a read has found, in order, and how to go on: None if nothing is left to look at."""

    rows: Sequence[Any] = field(repr=False)
    """With `token`, `started_at`, `ended_at`, and `size` if that was wanted."""
    rest: Stretch | None = None


def start(
    tx: Tx, selection: Selection, ascending: bool, after: Place | None = None
) -> Stretch | None:
    """Say where to begin; `after`: behind this place. None: no such job has ended."""
    since, until = selection.ended
    first = (since, _LEAST) if since else None
    last = (until, _GREATEST) if until else None
    if not ascending:
        behind = min(filter(None, (after, last)), default=None)
        nothing = behind and first and behind <= first
        return None if nothing else Stretch(False, behind, end=first)
    # What ends from now on is not waited for: else the last of them might never come.
    newest = _found(tx, selection, Stretch(False), 1)
    if not newest:
        return None
    end = min(filter(None, (_place(newest[0]), last)))
    behind = max(filter(None, (after, first)), default=None)
    return None if behind and behind >= end else Stretch(True, behind, end=end)


def read(tx: Tx, selection: Selection, rest: Stretch, limit: int, *, sized: bool = True) -> Ended:
    """Return at most `limit` of the jobs that are left, in order; of a window maybe none."""
    until = rest.until or _last_of_window(tx, selection, rest)
    inside = replace(rest, until=until)
    rows = _found(tx, selection, inside, limit, rows=True, sized=sized)
    if len(rows) == limit:
        return Ended(rows, replace(inside, after=_place(rows[-1])))
    return Ended(rows, None if until is None else replace(rest, after=until, until=None))


def _last_of_window(tx: Tx, selection: Selection, rest: Stretch) -> Place | None:
    window = choosing.WINDOW
    found = _found(tx, selection, rest, window, skip=window - 1)
    return _place(found[0]) if found else None


def _place(row: Any) -> Place:
    return row.ended_at, row.token


def _found(
    tx: Tx,
    selection: Selection,
    rest: Stretch,
    limit: int,
    skip: int = 0,
    *,
    rows: bool = False,
    sized: bool = False,
) -> Sequence[Any]:
    """Return the first rows of a stretch, or if not `rows` just places, whatever is selected."""
    states = tuple(sorted(selection.states & FINAL))
    if not states:
        return ()
    after, until = rest.after, rest.until or rest.end
    given: dict[str, Any] = {"most": limit, "left": limit - skip, "skipped": skip}
    for name, place in (("after", after), ("until", until)):
        if place is not None:
            given |= {f"{name}_at": place[0], f"{name}_token": place[1]}
    which = selection if rows else None
    kind = (after is not None, until is not None, bool(after and until and after[0] == until[0]))
    built = (_finding, given, states, rest.ascending, kind, which, sized)
    return tx.execute_built(*built).all()


@lru_cache(maxsize=64)
def _finding(
    dialect: Dialect,
    now: ColumnElement[datetime],
    states: tuple[State, ...],
    ascending: bool,
    kind: tuple[bool, bool, bool],
    which: Selection | None,
    sized: bool,
) -> sa.Select[Any]:
    """Return the statement of `_found`. Each state and each range is read by the index.

    Built once: a long list is a thousand of them, and others wait while one is built.
    """
    columns = [jobs.c.started_at, *([choosing.size()] if sized else [])] if which else []
    conditions = choosing.conditions(which) if which else []
    most, left, skipped = (
        sa.bindparam(name, type_=sa.Integer) for name in ("most", "left", "skipped")
    )
    parts = []
    for state in states:
        for bounds in _ranges(ascending, *kind):
            part = (
                sa.select(jobs.c.token, jobs.c.ended_at, *columns)
                .where(jobs.c.state == state, jobs.c.ended_at.is_not(None), *bounds, *conditions)
                .order_by(*_order(jobs.c, ascending))
                .limit(most)
                .with_hint(jobs, ENDED_BY, "mariadb")
            )
            parts.append(sa.select(part.subquery()))
    merged = sa.union_all(*parts).subquery()
    select = sa.select(merged).order_by(*_order(merged.c, ascending))
    return select.offset(skipped).limit(left)


def _order(columns: Any, ascending: bool) -> list[ColumnElement[Any]]:
    both = (columns.ended_at, columns.token)
    return [column.asc() if ascending else column.desc() for column in both]


def _ranges(
    ascending: bool, after: bool, until: bool, at_once: bool
) -> list[list[ColumnElement[bool]]]:
    """Return what a stretch is put together of that has these ends, or both `at_once`.

    Not as a comparison of two pairs, which not every engine looks up in an index; and apart where
    times are equal, since very many jobs may have ended in one moment.
    """
    ended_at, token = jobs.c.ended_at, jobs.c.token
    first_at, last_at = (sa.bindparam(f"{n}_at", type_=ended_at.type) for n in ("after", "until"))
    first, last = (sa.bindparam(f"{n}_token", type_=token.type) for n in ("after", "until"))

    def behind(column: Any, value: Any) -> ColumnElement[bool]:
        found: ColumnElement[bool] = column > value if ascending else column < value
        return found

    def before(column: Any, value: Any) -> ColumnElement[bool]:
        found: ColumnElement[bool] = column < value if ascending else column > value
        return found

    if at_once:
        return [[ended_at == first_at, behind(token, first), sa.not_(behind(token, last))]]
    ranges = []
    between = []
    if after:
        ranges.append([ended_at == first_at, behind(token, first)])
        between.append(behind(ended_at, first_at))
    if until:
        ranges.append([ended_at == last_at, sa.not_(behind(token, last))])
        between.append(before(ended_at, last_at))
    return [*ranges, between]
