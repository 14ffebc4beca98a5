"""Sharing transactions: whoever waits is served by the next one, and a lone caller waits for none.

A group is one thread that takes everything waiting, works on it as one batch, and answers all. The
event loop never touches the database; throughput does not hang on one fsync a request.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class NotBegun(Exception):
    """The time was up before the item was taken: certainly nothing was done."""


class Unfinished(Exception):
    """The time was up while the item was worked on: what came of it is not known."""


@dataclass(slots=True, eq=False)
class _Waiting(Generic[T]):
    item: T
    future: asyncio.Future[Any]
    taken: bool = False


class Group(Generic[T, R]):
    """One thread that works on batches.

    `work` gets the items of a batch and returns as many results; an exception among them goes to
    its caller alone, one raised goes to all. `after` is called when all have been answered.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Sequence[T]], Sequence[R | Exception]],
        after: Callable[[Sequence[T]], None] = lambda items: None,
        limit: int = 500,
    ) -> None:
        self._work = work
        self._after = after
        self._limit = limit
        self._waiting: deque[_Waiting[T]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def call(self, item: T, seconds: float) -> R:
        """Hand in an item and return its result.

        Raises what the work raised for it, NotBegun or Unfinished when `seconds` are over.
        """
        loop = self._loop = asyncio.get_running_loop()
        waiting = _Waiting(item, loop.create_future())
        with self._changed:
            self._waiting.append(waiting)
            self._changed.notify()
        over = loop.call_later(seconds, self._give_up, waiting)
        try:
            result: R = await waiting.future
            return result
        finally:
            over.cancel()

    def close(self, seconds: float) -> None:
        """Work on what waits, take nothing more, and end; wait at most `seconds`."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(seconds)

    def _give_up(self, waiting: _Waiting[T]) -> None:
        with self._changed:
            if not waiting.taken:
                self._waiting.remove(waiting)
        if not waiting.future.done():
            waiting.future.set_exception(Unfinished() if waiting.taken else NotBegun())

    def _run(self) -> None:
        while batch := self._take():
            items = [waiting.item for waiting in batch]
            results: Sequence[R | Exception]
            try:
                results = self._work(items)
            except Exception as error:
                results = [error] * len(batch)
            assert self._loop is not None, "an item comes from a running loop"
            try:
                self._loop.call_soon_threadsafe(_answer, batch, results)
            except RuntimeError:
                return  # the loop has ended, and its callers with it
            self._after(items)

    def _take(self) -> list[_Waiting[T]]:
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            batch = [self._waiting.popleft() for _ in range(min(self._limit, len(self._waiting)))]
            for waiting in batch:
                waiting.taken = True
            return batch


def _answer(batch: Sequence[_Waiting[T]], results: Sequence[R | Exception]) -> None:
    for waiting, result in zip(batch, results, strict=True):
        if waiting.future.done():
            continue
        if isinstance(result, Exception):
            waiting.future.set_exception(result)
        else:
            waiting.future.set_result(result)
