"""Values in the database that many wait for: asked for together, and only while somebody waits."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

from connector.aci.errors import AciError

V = TypeVar("V")

Ask = Callable[[Sequence[str]], Awaitable[Mapping[str, V]]]
"""Returns the values that keys have now; a key without one is left out. Raises AciError."""


class Watched(Generic[V]):
    """One key that somebody watches."""

    def __init__(self, watch: "Watch[V]") -> None:
        self._watch = watch
        self._waiters: list[tuple[Callable[[V | None], bool], int, asyncio.Future[V | None]]] = []
        self.holders = 0

    async def until(self, test: Callable[[V | None], bool], seconds: float) -> V | None:
        """Return the first value, asked for from now on, that passes the test. Raises TimeoutError.

        None stands for a key that has no value.
        """
        found: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        waiter = (test, self._watch.round, found)
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(seconds):
                return await found
        finally:
            self._waiters.remove(waiter)

    def publish(self, value: V | None, asked: int) -> None:
        """Tell a value to those who wait, unless it was asked for before they did."""
        for test, since, found in self._waiters:
            if since < asked and not found.done() and test(value):
                found.set_result(value)

    def fail(self, error: Exception) -> None:
        """Raise an error for all who wait."""
        for _, _, found in self._waiters:
            if not found.done():
                found.set_exception(error)


class Watch(Generic[V]):
    """Everybody in this process who watches values of one kind: they cost one question a tick.

    `tick`: seconds between two questions, and `share`: as a multiple of the time that the last one
    took, where that is more. `at_once`: whether the first is asked without a pause.
    """

    def __init__(
        self, ask: Ask[V], tick: float, *, share: float = 0.0, at_once: bool = False
    ) -> None:
        self._ask = ask
        self._tick = tick
        self._share = share
        self._at_once = at_once
        self._watched: dict[str, Watched[V]] = {}
        self._ticking: asyncio.Task[None] | None = None
        self.round = 0
        """How many questions have begun."""

    @contextmanager
    def on(self, key: str) -> Iterator[Watched[V]]:
        """Watch a key, inside a running loop."""
        watched = self._watched.setdefault(key, Watched(self))
        watched.holders += 1
        if self._ticking is None or self._ticking.done():
            self._ticking = asyncio.create_task(self._run())
        try:
            yield watched
        finally:
            watched.holders -= 1
            if not watched.holders:
                del self._watched[key]

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        pause = 0.0 if self._at_once else self._tick
        while self._watched:
            await asyncio.sleep(pause)
            if not self._watched:
                return
            self.round += 1
            asked, begun = dict(self._watched), loop.time()
            try:
                values = await self._ask(list(asked))
            except AciError:
                pause = self._tick  # who waits asks by itself at last, and is told
                continue
            except Exception as error:
                for watched in asked.values():
                    watched.fail(error)
                raise
            pause = max(self._tick, self._share * (loop.time() - begun))
            for key, watched in asked.items():
                watched.publish(values.get(key), self.round)
