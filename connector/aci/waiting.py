"""Clients that wait for an action to move on: one query for all of them, a few times a second."""

import asyncio
from collections import defaultdict
from functools import partial

from connector.aci.access import Access
from connector.aci.errors import AciError
from connector.jobs import reading
from connector.jobs.states import FINAL, State

TICK = 0.2
"""Seconds between two queries."""


class Waiting:
    """Everybody in this process who waits."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._waiters: dict[str, list[tuple[State, asyncio.Future[None]]]] = defaultdict(list)
        self._ticking: asyncio.Task[None] | None = None

    async def change(self, token: str, seen: State, seconds: float) -> None:
        """Return once the state of the action is not `seen`, or when the time is up."""
        if seen in FINAL:
            return
        moved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = (seen, moved)
        self._waiters[token].append(waiter)
        if self._ticking is None or self._ticking.done():
            self._ticking = asyncio.create_task(self._tick())
        try:
            async with asyncio.timeout(seconds):
                await moved
        except TimeoutError:
            pass
        finally:
            self._waiters[token].remove(waiter)
            if not self._waiters[token]:
                del self._waiters[token]

    async def _tick(self) -> None:
        while self._waiters:
            await asyncio.sleep(TICK)
            try:
                states = await self._access.read(
                    partial(reading.states, tokens=list(self._waiters))
                )
            except AciError:
                continue  # whoever waits asks for the action at last, and is told
            for token, waiters in self._waiters.items():
                for seen, moved in waiters:
                    if states.get(token) is not seen and not moved.done():
                        moved.set_result(None)
