"""Reading the actions of a queue for an answer: page by page, each a short read of its own.

No transaction is open while something is sent, and no more than a page is in memory, whatever the
queue holds and however slowly a client reads.
"""

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

from connector.aci import orders
from connector.aci.access import Access
from connector.aci.filters import Wanted
from connector.jobs import reading
from connector.jobs.job import Job

PAGE = 500
"""Actions of a page at most."""

PAGE_SIZE = 4 << 20
"""Characters of their results, from which on a page holds no more."""


async def pages(access: Access, wanted: Wanted) -> AsyncIterator[Sequence[Job]]:
    """Return the actions that are wanted, a page at a time, the first one also if it is empty.

    Raises AciError.
    """
    any_yet = False
    async for rows in _rows(access, wanted):
        for part in _parts(rows):
            found = await access.look(partial(reading.get, tokens=part))
            # What was removed meanwhile is missing; the order is that of the rows.
            yield [found[token] for token in part if token in found]
            any_yet = True
    if not any_yet:
        yield []


async def tokens(access: Access, wanted: Wanted) -> AsyncIterator[list[str]]:
    """Return the tokens of the actions that are wanted, a page at a time. Raises AciError."""
    async for rows in _rows(access, wanted):
        yield [row.token for row in rows]


async def _rows(access: Access, wanted: Wanted) -> AsyncIterator[Sequence[Any]]:
    left = wanted.most
    if left == 0:
        return
    async for rows in orders.rows(access, wanted, PAGE if left is None else min(PAGE, left)):
        yield rows[:left]
        if left is not None:
            left -= len(rows)
            if left <= 0:
                return


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
