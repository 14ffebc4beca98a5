"""Conversations with a real server over a real socket."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.types import Receive, Scope, Send

from connector.aci.protocol import BoundedProtocol, Bounds
from connector.aci.refusals import Refusals
from tests.aci.serving import running
from tests.fuzz.connection import MARGIN, Talk, pieces
from tests.fuzz.rig import Rig

LOOK = 0.05
LOOKS = 4
"""Seconds between two looks whether the server still has something to say, and how many it takes to
be sure enough to go."""

FAREWELL = b"GET /action=GetPid HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
"""What is asked last, so that the server ends the connection if it has understood all of it."""


class Line:
    """A server that hands each request to the rig of the moment, and clients of it."""

    def __init__(self) -> None:
        self.port = 0
        self._rig: Rig | None = None
        self._moved = threading.Event()
        self._open: set[BoundedProtocol] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, as the rig of the moment does."""
        assert self._rig is not None
        await self._rig.app(scope, receive, send)

    async def converse(self, rig: Rig, data: bytes) -> Talk:
        """Send bytes on a connection of their own, and return what came of it."""
        self._rig = rig
        rig.app.moved = self._moved.set
        talk = Talk(data, b"", rig.app.take())
        end = time.monotonic() + rig.seconds * (1 + data.count(b"HTTP/1.")) + MARGIN
        with socket.create_connection(("127.0.0.1", self.port), MARGIN) as connection:
            self._talk(connection, talk, end)
        if not self._until_left(rig, end):
            talk.late = "it works on after the client has gone"
        talk.seen = rig.app.take()
        return talk

    def _talk(self, connection: socket.socket, talk: Talk, end: float) -> None:
        connection.settimeout(LOOK)
        looks = 0
        writer = threading.Thread(target=_send, args=(connection, talk.sent + FAREWELL))
        writer.start()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < end:
                try:
                    more = connection.recv(1 << 16)
                    if not more:
                        break
                    talk.wire, looks = talk.wire + more, 0
                except TimeoutError:
                    looks = looks + 1 if not writer.is_alive() and self._is_quiet() else 0
                    talk.cut = looks == LOOKS
                    if talk.cut:
                        break
            else:
                talk.late = "it does not answer"
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        writer.join()

    def _is_quiet(self) -> bool:
        """Whether the server is done, or waits for more of a body, or goes on for ever."""
        assert self._rig is not None
        return all(
            seen.ended or seen.is_stream or (seen.waits and not seen.status)
            for seen in list(self._rig.app.seen)
        )

    def _until_left(self, rig: Rig, end: float) -> bool:
        """Wait until the server has forgotten the client; return whether it was in time."""
        while self._open or not all(seen.ended for seen in list(rig.app.seen)):
            self._moved.clear()
            if not self._moved.wait(LOOK) and time.monotonic() > end:
                return False
        return True

    def protocol(self) -> type[BoundedProtocol]:
        """Return the server's protocol, of which this knows the connections."""
        here = self

        class Known(BoundedProtocol):
            bounds, refusals = Bounds(), Refusals()

            def connection_made(self, transport: Any) -> None:
                here._open.add(self)
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                super().connection_lost(exc)
                here._open.discard(self)

        return Known


@contextmanager
def line() -> Iterator[Line]:
    """Have a server that listens on a free port of loopback."""
    made = Line()
    with running(made, made.protocol()) as port:
        made.port = port
        yield made


def _send(connection: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        for piece in pieces(data):
            # The socket has a short timeout for reading, which holds for writing too.
            while piece:
                try:
                    piece = piece[connection.send(piece) :]
                except TimeoutError:
                    continue
