"""What many may ask for at once, and is worked out once in a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """A value that is made anew when it is asked for and older than `seconds`."""

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

    async def get(self) -> T:
        """Return the value; whoever asks while it is made waits for that. Raises what making does.

        A failure is not kept: the next one who asks tries again.
        """
        async with self._lock:
            if self._made is None or self._clock() - self._made[0] >= self._seconds:
                self._made = None
                value = await self._make()
                self._made = (self._clock(), value)
            return self._made[1]
