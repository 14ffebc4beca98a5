"""Clients that wait for an action to move on: one query for all of them, a few times a second."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from connector.aci.access import Access
from connector.aci.watch import Watch
from connector.jobs import reading
from connector.jobs.states import FINAL, State

TICK = 0.2
"""Seconds between two queries."""


class Waiting:
    """Everybody in this process who waits."""

    def __init__(self, access: Access) -> None:
        async def ask(tokens: Sequence[str]) -> Mapping[str, State]:
            return await access.read(partial(reading.states, tokens=list(tokens)))

        self._watch = Watch(ask, TICK)

    async def change(self, token: str, seen: State, seconds: float) -> None:
        """Return once the state of the action is not `seen`, or when the time is up."""
        if seen not in FINAL:
            await self._until(token, lambda state: state is not seen, seconds)

    async def end(self, token: str, seconds: float) -> None:
        """Return once the action has ended or is not there any more, or when the time is up."""
        await self._until(token, lambda state: state is None or state in FINAL, seconds)

    async def _until(
        self, token: str, test: Callable[[State | None], bool], seconds: float
    ) -> None:
        with self._watch.on(token) as watched, contextlib.suppress(TimeoutError):
            await watched.until(test, seconds)
