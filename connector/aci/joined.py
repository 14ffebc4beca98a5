"""A transport that sends by one call what is written within one turn of the event loop, and closes
so that the client gets all of it.

uvicorn writes the head of an answer and its body one after the other. Sent by a call each, that is
twice the time in the kernel, and twice the interpreter's lock is let go of, for which other threads
are waiting.

If a socket is closed while the client still sends, TCP resets the connection, and what the client
has not read of the answer is lost. So then only our half is closed, and what comes is let go of
until the client has read, and closes its own (RFC 9112, 9.6).
"""

import asyncio
from typing import Any

MOST_BYTES = 64 * 1024
"""What is kept back at most: who writes a long answer is to learn that the client is slow."""

CLOSING_SECONDS = 10.0
"""How long a client has to read what is still to be sent, and to close, when we do."""


class Joined:
    """The transport of one connection. What is not about writing is that transport's own."""

    unread = False
    """Whether the client may be sending what nobody will read."""

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._soon = loop.call_soon
        self._kept: list[bytes] = []
        self._bytes = 0
        self._lingering = False

    def write(self, data: bytes) -> None:
        """Send data, at the latest when the loop turns to something else."""
        if self._lingering:
            return
        if not self._kept:
            self._soon(self.flush)
        self._kept.append(data)
        self._bytes += len(data)
        if self._bytes > MOST_BYTES:
            self.flush()

    def close(self) -> None:
        """Send what is kept, and close; at once if that was begun before."""
        self.flush()
        lingers = self.unread and not self.is_closing()
        if not lingers or not self._transport.can_write_eof():  # which TLS cannot
            self._transport.close()
            return
        self._lingering = True
        self._transport.write_eof()
        self._transport.resume_reading()
        self._loop.call_later(CLOSING_SECONDS, self._transport.abort)

    def is_closing(self) -> bool:
        """Whether nothing more is sent, and nothing that comes is looked at."""
        return self._lingering or bool(self._transport.is_closing())

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
