"""Work that may hang, in threads of its own: none of it holds up anything else, nor the end."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

T = TypeVar("T")


class Busy(Exception):
    """As much of it is under way as may be; some of that may hang."""


class Apart:
    """Runs calls in threads, at most `most` at a time, and waits `seconds` for each."""

    def __init__(self, most: int, seconds: float) -> None:
        self._free = threading.Semaphore(most)
        self._seconds = seconds

    async def run(self, work: Callable[[], T]) -> T:
        """Return what the call returns, or raise what it raises.

        Raises TimeoutError when its time is up: the thread goes on and keeps its place until it is
        done. Raises Busy when there is no place.
        """
        if not self._free.acquire(blocking=False):
            raise Busy
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def call() -> None:
            try:
                result = work()
            except Exception as error:
                self._tell(loop, future, partial(future.set_exception, error))
            else:
                self._tell(loop, future, partial(future.set_result, result))

        # A daemon: neither it nor what it waits for may keep the process from ending.
        threading.Thread(target=call, name="apart", daemon=True).start()
        return await asyncio.wait_for(future, self._seconds)

    def _tell(
        self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], tell: Callable[[], None]
    ) -> None:
        self._free.release()
        try:
            loop.call_soon_threadsafe(lambda: None if future.done() else tell())
        except RuntimeError:
            pass  # the loop is closed: nobody waits any more
