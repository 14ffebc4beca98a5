"""A transport that sends by one call what is written within one turn of the event loop.

uvicorn writes the head of an answer and its body one after the other. Sent by a call each, that is
twice the time in the kernel, and twice the interpreter's lock is let go of, for which other threads
are waiting.
"""

import asyncio
from typing import Any

MOST_BYTES = 64 * 1024
"""What is kept back at most: who writes a long answer is to learn that the client is slow."""


class Joined:
    """The transport of one connection. What is not about writing is that transport's own."""

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._soon = loop.call_soon
        self._kept: list[bytes] = []
        self._bytes = 0

    def write(self, data: bytes) -> None:
        """Send data, at the latest when the loop turns to something else."""
        if not self._kept:
            self._soon(self.flush)
        self._kept.append(data)
        self._bytes += len(data)
        if self._bytes > MOST_BYTES:
            self.flush()

    def close(self) -> None:
        """Send what is kept, and close."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what is kept is lost, as is all that the kernel has not sent."""
        self._kept.clear()
        self._transport.abort()

    def flush(self) -> None:
        """Send what is kept, now."""
        if self._kept:
            data, self._bytes = b"".join(self._kept), 0
            self._kept.clear()
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
