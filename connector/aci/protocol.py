"""HTTP/1.1 as uvicorn speaks it, with bounds on what a client may send, and on how long."""

import asyncio
from dataclasses import dataclass
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from connector.aci.joined import CLOSING_SECONDS, Joined
from connector.aci.refusals import Reason, Refusals
from connector.aci.tls import identities
from connector.aci.upgrade import NoUpgrade
from connector.config.listening import ListeningSettings

WORTH = 8
"""Bytes that may come for each byte of a body: a chunk of one takes six."""


class HeadTooLarge(Exception):
    """Request line and headers take too many bytes."""


@dataclass(frozen=True)
class Bounds:
    """What one connection may hold: bytes of a head, seconds for each stage, how many there are."""

    head_bytes: int = 256 * 1024
    head_seconds: float = 20.0
    stalled_seconds: float = 30.0
    connection_seconds: float = 3600.0
    connections: int = 10000

    @classmethod
    def of(cls, settings: ListeningSettings) -> "Bounds":
        """Return the bounds that the settings want."""
        return cls(
            head_bytes=settings.max_header_size,
            head_seconds=settings.header_seconds,
            stalled_seconds=settings.stalled_seconds,
            connection_seconds=settings.connection_seconds,
            connections=settings.max_connections,
        )


class BoundedProtocol(NoUpgrade):
    """uvicorn's protocol, which by itself would wait for a slow client for ever; see `bounded`."""

    bounds: ClassVar[Bounds]
    refusals: ClassVar[Refusals]

    _head = 0
    _raw = 0
    """Bytes that have come since a head began, or since it ended."""
    _body = 0
    """Those of them that are body."""
    _begun = False
    """Whether a head has begun that is not whole yet."""
    _ends = False
    _unreadable = False
    _running: RequestResponseCycle | None = None
    _identities: tuple[str, ...] = ()
    _overdue: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None
    _aged: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin a connection, unless there are too many."""
        joined: Any = Joined(transport, self.loop)
        self._joined: Joined = joined
        super().connection_made(joined)
        if len(self.connections) > self.bounds.connections:
            self._refuse(Reason.CONNECTIONS, "too many connections ([Server] MaxConnections)")
            transport.abort()
            return
        self._identities = identities(transport.get_extra_info("ssl_object"))
        self._aged = self.loop.call_later(self.bounds.connection_seconds, self._end_when_idle)
        # Nothing has come yet: one who only keeps a connection ready is no offender.
        self._overdue = self.loop.call_later(self.bounds.head_seconds, self._close)

    def data_received(self, data: bytes) -> None:
        """Parse what has come, unless something before it could not be parsed.

        Nor may too much of it be neither a body nor a head: the parser keeps quiet about what it
        skips (extensions of chunks, blank lines before a request), and about a header until it has
        come whole.
        """
        if self._unreadable or self.transport.is_closing():
            return
        self._raw += len(data)
        super().data_received(data)
        if self._begun and self._overdue is None and not self._unreadable:
            # Most heads come in one piece, and need no timer.
            self._overdue = self.loop.call_later(self.bounds.head_seconds, self._drop_overdue)
        most = self.bounds.head_bytes + WORTH * self._body
        if self._raw > most and not self._unreadable and not self.transport.is_closing():
            self._head = self._raw
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """Start counting a head's bytes and its time."""
        super().on_message_begin()
        self.scope["state"]["tls_identities"] = self._identities
        self._head = self._raw = self._body = 0
        self._in_time()
        self._begun = self._joined.unread = True

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
        self._begun = False
        self._raw = self._body = 0
        super().on_headers_complete()
        if not self.pipeline and not self.offered:
            self._running = self.cycle

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take note that a request is whole; behind a last one there may be more all the same."""
        super().on_message_complete()
        self._joined.unread = self.offered or not self.cycle.keep_alive

    def on_response_complete(self) -> None:
        """Go on with the next request, or end a connection that is old or cannot be read."""
        last = not self.pipeline  # which is empty also while the last one of it is under way
        if not last:
            self._running = self.pipeline[-1][0]
        super().on_response_complete()
        if last and not self.transport.is_closing():
            if self._unreadable:
                self._send_400()
            elif self._ends:
                self._close()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request when those before it are answered, and read nothing more."""
        if self._head > self.bounds.head_bytes:
            told = "head, or what stands between the chunks of a body, too large"
            self._refuse(Reason.HEAD, f"{told} ([Server] MaxHeaderSize)")
        self._unreadable = self._joined.unread = True
        self._in_time()
        cycle = self.cycle
        if self.pipeline:
            if cycle.more_body:  # it is the newest, and its body is what cannot be read
                self.pipeline.popleft()
        elif cycle is None or cycle.response_complete:
            self._send_400()
        elif cycle.more_body:
            # Nobody answers this one. If somebody does already, the client sees a cut.
            self._close() if cycle.response_started else self._send_400()

    def _send_400(self) -> None:
        """Say what would be a request, and close."""
        super().send_400_response(
            "This is no HTTP request that this server can read. Send HTTP/1.1, escape in the "
            "request line what is not printable ASCII (%C3%A9), keep the request line within 64 "
            "KiB, and all of the head, or of what stands between the chunks of a body, within "
            f"{self.bounds.head_bytes // 1024} KiB.\n"
        )
        self.loop.call_later(CLOSING_SECONDS, self._abort)

    def shutdown(self) -> None:
        """Close now, or when the answer under way is sent: a server that ends waits for nobody."""
        self._joined.unread = False
        super().shutdown()

    def eof_received(self) -> None:
        """Send what is kept: the loop closes the connection of a client that says no more."""
        self._joined.flush()

    def pause_writing(self) -> None:
        """Wait for a client that reads slowly, though not for ever."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self.bounds.stalled_seconds, self._drop_stalled)

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        self._moves()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection on which nothing comes any more."""
        self._close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was begun."""
        self._in_time()
        self._moves()
        if self._aged is not None:
            self._aged.cancel()
        super().connection_lost(exc)
        # uvicorn tells the newest request, which may be one that has not begun yet.
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > self.bounds.head_bytes:
            raise HeadTooLarge

    def _in_time(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _moves(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _drop_overdue(self) -> None:
        self._refuse(Reason.HEAD, "no request within [Server] HeaderSeconds")
        self._close()

    def _drop_stalled(self) -> None:
        self._refuse(Reason.STALLED, "reads nothing for [Server] StalledSeconds")
        self._abort()

    def _end_when_idle(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self._close()
            return
        self._ends = True
        self._aged = self.loop.call_later(self.bounds.connection_seconds, self._abort)

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
            # A client that does not read would otherwise keep the last bytes, and the socket.
            if self._aged is not None:
                self._aged.cancel()
            self._aged = self.loop.call_later(CLOSING_SECONDS, self._abort)

    def _abort(self) -> None:
        self.transport.abort()

    def _refuse(self, reason: Reason, told: str) -> None:
        self.refusals.note(reason, self.client[0] if self.client else "unknown", told)


def bounded(bounds: Bounds, refusals: Refusals) -> type[BoundedProtocol]:
    """Return the protocol with these bounds; what it refuses is counted there."""
    return type("Protocol", (BoundedProtocol,), {"bounds": bounds, "refusals": refusals})
