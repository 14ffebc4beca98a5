"""What many may ask for at once, and is worked out once in a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")

SHARE = 10
"""How many times as long as it took to make a value is kept at least."""


class Recent(Generic[T]):
    """A value that is made anew when it is asked for and older than `seconds`.

    One that takes long to make is kept longer: making it takes a tenth of the time at most.
    """

    def __init__(
        self,
        make: Callable[[], Awaitable[T]],
        seconds: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = make
        self._seconds = seconds
        self._clock = clock
        self._lock = asyncio.Lock()
        self._made: tuple[float, T] | None = None
        """Until when it is kept, and the value."""

    async def get(self) -> T:
        """Return the value; whoever asks while it is made waits for that. Raises what making does.

        A failure is not kept: the next one who asks tries again.
        """
        async with self._lock:
            began = self._clock()
            if self._made is None or began >= self._made[0]:
                self._made = None
                value = await self._make()
                now = self._clock()
                self._made = (now + max(self._seconds, SHARE * (now - began)), value)
            return self._made[1]
