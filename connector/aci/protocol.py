"""HTTP/1.1 as uvicorn speaks it, with bounds on what a client may send before it is understood."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 256 * 1024
"""Most bytes of request line and headers together; beyond that the answer is status 400."""

HEAD_SECONDS = 20.0
"""A request's head must be there this long after its first byte, or the connection is closed."""


class HeadTooLarge(Exception):
    """Request line and headers take too many bytes."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which by itself would wait for the end of a head for ever."""

    _head = 0
    _overdue: asyncio.TimerHandle | None = None

    def on_message_begin(self) -> None:
        """Start counting a head's bytes and its time."""
        super().on_message_begin()
        self._head = 0
        self._overdue = self.loop.call_later(HEAD_SECONDS, self._close_overdue)

    def on_url(self, url: bytes) -> None:
        """Take a part of the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Pass the request on."""
        self._in_time()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request: say what would be one, and close."""
        super().send_400_response(
            "This is no HTTP request that this server can read. Send HTTP/1.1, escape in the "
            "request line what is not printable ASCII (%C3%A9), keep the request line within 64 "
            f"KiB and all of the head within {HEAD_BYTES // 1024} KiB.\n"
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was begun."""
        self._in_time()
        super().connection_lost(exc)

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > HEAD_BYTES:
            raise HeadTooLarge

    def _in_time(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _close_overdue(self) -> None:
        transport: Any = self.transport
        if not transport.is_closing():
            transport.close()
