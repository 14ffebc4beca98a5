"""Reading the actions of a queue for an answer: page by page, each a short read of its own.

No transaction is open while something is sent, and no more than a page is in memory, whatever the
queue holds and however slowly a client reads.
"""

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

from connector.aci.access import Access
from connector.aci.errors import AciError, Code
from connector.aci.filters import Wanted
from connector.jobs import reading, selection
from connector.jobs.job import Job
from connector.jobs.selection import Rest, Selection

PAGE = 500
"""Actions of a page at most."""

PAGE_SIZE = 4 << 20
"""Characters of their results, from which on a page holds no more."""

SORTED = 10_000
"""Actions that can be put into another order than that of arrival."""


async def pages(access: Access, wanted: Wanted) -> AsyncIterator[Sequence[Job]]:
    """Return the actions that are wanted, a page at a time, the first one also if it is empty.

    Raises AciError.
    """
    rows = _newest(access, wanted) if wanted.newest_first else _sorted(access, wanted)
    any_yet = False
    async for row in rows:
        for part in _parts(row):
            found = await access.look(partial(reading.get, tokens=part))
            # What was removed meanwhile is missing; the order is that of the rows.
            yield [found[token] for token in part if token in found]
            any_yet = True
    if not any_yet:
        yield []


async def tokens(
    access: Access, which: Selection, most: int | None = None
) -> AsyncIterator[list[str]]:
    """Return the tokens of the selected actions, a page at a time. Raises AciError."""
    async for rows in _newest(access, Wanted(which, most=most)):
        yield [row.token for row in rows]


async def _newest(access: Access, wanted: Wanted) -> AsyncIterator[list[Any]]:
    left = float("inf") if wanted.most is None else wanted.most
    which = wanted.selection
    if not left:
        return
    rest: Rest | None = await access.look(
        partial(selection.start, selection=which, after=wanted.after)
    )
    while rest is not None and left > 0:
        limit = int(min(PAGE, left))
        found = await access.look(partial(selection.read, selection=which, rest=rest, limit=limit))
        rest = found.rest
        left -= len(found.rows)
        if found.rows:
            yield found.rows


async def _sorted(access: Access, wanted: Wanted) -> AsyncIterator[list[Any]]:
    """Put actions into another order. After is for the order of arrival, and refused here."""
    if wanted.after is not None:
        raise AciError(
            Code.PARAM_INVALID,
            "After goes on behind an action in the order of arrival, newest first: leave out "
            "Sort-By and Sort-Order.",
            "After",
        )
    most = SORTED if wanted.most is None else wanted.most
    if most > SORTED:
        raise _too_many()
    kept: list[Any] = []
    async for rows in _newest(access, Wanted(wanted.selection)):
        kept += [row for row in rows if getattr(row, wanted.sort) is not None]
        if len(kept) > SORTED:
            if wanted.most is None:
                raise _too_many()
            kept = _first(kept, wanted, most)
    kept = _first(kept, wanted, most)
    for start in range(0, len(kept), PAGE):
        yield kept[start : start + PAGE]


def _first(rows: list[Any], wanted: Wanted, most: int) -> list[Any]:
    rows.sort(key=lambda row: (getattr(row, wanted.sort), row.token), reverse=wanted.descending)
    return rows[:most]


def _too_many() -> AciError:
    return AciError(
        Code.PARAM_INVALID,
        f"In an order other than that of arrival, newest first, at most {SORTED} actions can be "
        "listed: choose fewer by State or times, or set MaxResults.",
        "MaxResults",
    )


def _parts(rows: Sequence[Any]) -> list[list[str]]:
    """Cut a page where its results grow too large."""
    parts: list[list[str]] = [[]]
    size = 0
    for row in rows:
        if parts[-1] and size + row.size > PAGE_SIZE:
            parts.append([])
            size = 0
        parts[-1].append(row.token)
        size += row.size
    return parts
