"""The orders in which actions can be listed. Each step is a short read of its own.

By arrival: along the tokens. By end: along the index of ends, state by state, merged. By start
there is no index; but what began late ended late, and what began early was stored early. So it
goes along the ends, or along the tokens, and puts right the few that are out of order. Actions
without a time come last, by arrival.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from connector.aci.access import Access
from connector.aci.errors import unknown_token
from connector.aci.filters import Wanted
from connector.jobs import ends, selection
from connector.jobs.ends import Place, Stretch
from connector.jobs.job import Job
from connector.jobs.selection import WAITING, Rest, Selection
from connector.jobs.states import FINAL, OPEN, State

HELD = 50_000
"""Actions out of order that are kept at once; of more the first ones are told, then it is begun
anew behind these."""

HELD_FIRST = 2_000
"""The same for the first round, so that the first actions come soon."""

STEP = 2_000
"""Actions that one read for the order of starts returns at most."""

Rows = AsyncIterator[Sequence[Any]]
"""Rows with `token` and `size`, a page at a time."""


async def rows(access: Access, wanted: Wanted, page: int) -> Rows:
    """Return what is wanted in its order, but maybe more than `most`. Raises AciError."""
    seen = None
    if wanted.sort != "token" and wanted.after is not None:
        seen = await access.job(wanted.after)
        if seen is None:
            raise unknown_token(wanted.after, wanted.selection.queue, "After")
    match wanted.sort:
        case "ended_at":
            parts = _by_end(access, wanted, page, seen)
        case "started_at":
            parts = _by_start(access, wanted, page, seen)
        case _:
            which, ascending = wanted.selection, not wanted.descending
            parts = _by_arrival(access, which, page, ascending, wanted.after)
    async for found in parts:
        yield found


async def _by_arrival(
    access: Access, which: Selection, page: int, ascending: bool, after: str | None = None
) -> Rows:
    begin = partial(selection.start, selection=which, after=after, ascending=ascending)
    rest = await access.look(begin)
    while rest is not None:
        read = partial(selection.read, selection=which, rest=rest, limit=page)
        found = await access.look(read)
        rest = found.rest
        if found.rows:
            yield found.rows


async def _by_end(access: Access, wanted: Wanted, page: int, seen: Job | None) -> Rows:
    which, ascending = wanted.selection, not wanted.descending
    behind = (seen.ended_at, seen.token) if seen and seen.ended_at else None
    if (seen is None or behind is not None) and which.states & FINAL:
        begin = partial(ends.start, selection=which, ascending=ascending, after=behind)
        rest = await access.look(begin)
        while rest is not None:
            read = partial(ends.read, selection=which, rest=rest, limit=page)
            found = await access.look(read)
            rest = found.rest
            if found.rows:
                yield found.rows
    others = replace(which, states=which.states & OPEN)
    if others.states and which.ended == (None, None):
        after = seen.token if seen and behind is None else None
        async for more in _by_arrival(access, others, page, ascending, after):
            yield more


async def _by_start(access: Access, wanted: Wanted, page: int, seen: Job | None) -> Rows:
    which, ascending = wanted.selection, not wanted.descending
    begun = seen.started_at if seen and seen.state not in WAITING else None
    if seen is None or begun is not None:
        behind = (begun, seen.token) if seen and begun else None
        held = HELD_FIRST
        while True:
            sorting = _Sorting(ascending, min(held, wanted.most or held), behind)
            walk = _along_tokens if ascending else _along_ends
            async for ready in walk(access, which, sorting):
                for start in range(0, len(ready), page):
                    yield await _sized(access, ready[start : start + page])
            if sorting.beyond is None:
                break
            behind, held = sorting.told, HELD
    if which.started == (None, None):
        others = replace(which, begun=False)
        after = seen.token if seen and begun is None else None
        async for more in _by_arrival(access, others, page, ascending, after):
            yield more


@dataclass
class _Sorting:
    """Puts rows in the order of their starts that come nearly so, keeping few."""

    ascending: bool
    held: int
    behind: Place | None
    """Rows up to here are not wanted: they have been told."""

    def __post_init__(self) -> None:
        self._kept: list[tuple[datetime, str]] = []
        self.told = self.behind
        self.beyond: Place | None = None
        """From here on rows have been let go."""

    def selection(self, which: Selection) -> Selection:
        """Return what of a selection is still to be looked at."""
        first, last = self.behind, self.beyond
        if not self.ascending:
            first, last = last, first
        since, until = which.started
        since = max((t for t in (since, first and first[0]) if t), default=None)
        until = min((t for t in (until, last and last[0]) if t), default=None)
        return replace(which, started=(since, until), begun=True)

    def add(self, rows: Sequence[Any]) -> None:
        """Take rows."""
        new = [(row.started_at, row.token) for row in rows]
        self._kept += [place for place in new if self._wanted(place)]
        self._kept.sort(reverse=not self.ascending)

    def ready(self, horizon: datetime | None) -> list[str]:
        """Return tokens of rows before which none will come; let go of the last if many are left.

        `horizon`: where others begin at all; None: there are no others.
        """
        count = len(self._kept)
        if horizon is not None:
            safe = (at < horizon if self.ascending else at > horizon for at, _ in self._kept)
            count = next((n for n, is_safe in enumerate(safe) if not is_safe), count)
        first, self._kept = self._kept[:count], self._kept[count:]
        self.told = first[-1] if first else self.told
        if len(self._kept) > self.held:
            self.beyond = self._kept[self.held]
            del self._kept[self.held :]
        return [token for _, token in first]

    def over(self, horizon: datetime) -> bool:
        """Whether nothing that is left can be wanted: it all lies where rows were let go."""
        if self.beyond is None:
            return False
        at = self.beyond[0]
        return horizon > at if self.ascending else horizon < at

    def _wanted(self, place: Place) -> bool:
        def before(one: Place, other: Place) -> bool:
            return one < other if self.ascending else one > other

        return (self.behind is None or before(self.behind, place)) and (
            self.beyond is None or before(place, self.beyond)
        )


async def _along_tokens(
    access: Access, which: Selection, sorting: _Sorting
) -> AsyncIterator[list[str]]:
    """Find the first starts from the oldest action on: none began before it was stored."""
    which = replace(which, states=which.states - WAITING)
    begin = partial(selection.start, selection=which, ascending=True)
    rest: Rest | None = await access.look(begin)
    while rest is not None:
        part = sorting.selection(which)
        read = partial(selection.read, selection=part, rest=rest, limit=STEP, sized=False)
        found = await access.look(read)
        rest = found.rest
        sorting.add(found.rows)
        horizon = selection.horizon(rest)
        if rest is not None and horizon is None:
            continue
        yield sorting.ready(horizon)
        if horizon is not None and sorting.over(horizon):
            break
    yield sorting.ready(None)


async def _along_ends(
    access: Access, which: Selection, sorting: _Sorting
) -> AsyncIterator[list[str]]:
    """Find the last starts from the newest end back: none ended before it began."""
    running = replace(sorting.selection(which), states=which.states & {State.RUNNING})
    if running.states:
        async for found in _by_arrival(access, running, STEP, ascending=False):
            sorting.add(found)
    rest: Stretch | None = None
    if which.states & FINAL:
        begin = partial(ends.start, selection=which, ascending=False)
        rest = await access.look(begin)
    while rest is not None:
        part = sorting.selection(which)
        read = partial(ends.read, selection=part, rest=rest, limit=STEP, sized=False)
        ended = await access.look(read)
        rest = ended.rest
        sorting.add(ended.rows)
        if rest is not None and rest.after is not None:
            yield sorting.ready(rest.after[0])
            if sorting.over(rest.after[0]):
                break
    yield sorting.ready(None)


async def _sized(access: Access, tokens: list[str]) -> Sequence[Any]:
    found = await access.look(partial(selection.sized, tokens=tokens))
    return list(_present(found, tokens))


def _present(found: Any, tokens: Sequence[str]) -> Iterator[Any]:
    for token in tokens:
        if token in found:
            yield found[token]
