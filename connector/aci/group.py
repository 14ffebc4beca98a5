"""Sharing transactions: whoever waits is served by the next one, and a lone caller waits for none.

A group is one thread that takes everything waiting, works on it as one batch, and answers all. The
event loop never touches the database; throughput does not hang on one fsync a request.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


TOGETHER = 0.002
"""Seconds between two times that those who are to hear of what was done are told, at least."""


class NotBegun(Exception):
    """The time was up before the item was taken: certainly nothing was done."""


class Unfinished(Exception):
    """The time was up while the item was worked on: what came of it is not known."""


@dataclass(slots=True, eq=False)
class _Waiting(Generic[T]):
    item: T
    future: asyncio.Future[Any]
    taken: bool = False
    given_up: bool = False


class Group(Generic[T, R]):
    """One thread that works on batches.

    `work` gets the items of a batch and returns as many results; an exception among them goes to
    its caller alone, one raised goes to all. `after` is called when all have been answered: at
    once, or soon and for several batches where one comes upon the heels of the other.
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
        # Waking by a condition would cost the event loop three times as much for each item.
        self._arrived: queue.SimpleQueue[_Waiting[T] | None] = queue.SimpleQueue()
        self._taking = threading.Lock()
        self._closed = False
        self._done: list[T] = []
        """Items for which `after` is still to be called."""
        self._after_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def call(self, item: T, seconds: float) -> R:
        """Hand in an item and return its result.

        Raises what the work raised for it, NotBegun or Unfinished when `seconds` are over.
        """
        loop = self._loop = asyncio.get_running_loop()
        waiting = _Waiting(item, loop.create_future())
        self._arrived.put(waiting)
        over = loop.call_later(seconds, self._give_up, waiting)
        try:
            result: R = await waiting.future
            return result
        finally:
            over.cancel()

    def close(self, seconds: float) -> None:
        """Work on what waits, take nothing more, and end; wait at most `seconds`."""
        self._arrived.put(None)
        self._thread.join(seconds)

    def _give_up(self, waiting: _Waiting[T]) -> None:
        with self._taking:
            waiting.given_up = not waiting.taken
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
                break  # the loop has ended, and its callers with it
            self._done += items
            if time.monotonic() >= self._after_at:
                self._tell()
        self._tell()

    def _tell(self) -> None:
        if self._done:
            done, self._done = self._done, []
            self._after_at = time.monotonic() + TOGETHER
            self._after(done)

    def _take(self) -> list[_Waiting[T]]:
        """Return what has arrived, at least one item; none when nothing more will."""
        batch: list[_Waiting[T]] = []
        while len(batch) < self._limit:
            told_in = max(0.0, self._after_at - time.monotonic()) if self._done else None
            try:
                waiting = self._arrived.get(not (batch or self._closed), told_in)
            except queue.Empty:
                if batch or self._closed:
                    break
                self._tell()  # rather than wait any longer
                continue
            if waiting is None:
                self._closed = True
                continue
            with self._taking:
                waiting.taken = not waiting.given_up
            if waiting.taken:
                batch.append(waiting)
        return batch


def _answer(batch: Sequence[_Waiting[T]], results: Sequence[R | Exception]) -> None:
    for waiting, result in zip(batch, results, strict=True):
        if waiting.future.done():
            continue
        if isinstance(result, Exception):
            waiting.future.set_exception(result)
        else:
            waiting.future.set_result(result)
