"""A conversation with the server's own protocol class, without a socket: bytes in, bytes out.

How the bytes are cut into pieces follows from the bytes themselves, so that a find is replayed as
it was found, and a file of a conversation holds nothing but what a client sends.
"""

import asyncio
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from connector.aci.protocol import BoundedProtocol
from tests.fuzz.recording import Movement, Seen
from tests.fuzz.rig import Rig

PROBE = b"GET /action=GetPid HTTP/1.1\r\nHost: localhost\r\n\r\n"
"""What is asked when all has been said, to see whether the connection can still be used."""

MARGIN = 5.0
"""Seconds that a busy machine may take beyond what the server may."""


@dataclass
class Talk:
    """What came of a conversation. `seen`: the requests, as the application saw them."""

    sent: bytes
    wire: bytes
    seen: list[Seen]
    probed: bool = False
    """Whether the last of them is the probe."""
    cut: bool = False
    """Whether the client has gone before the server had ended the connection."""
    late: str = ""
    """What did not happen in time."""


def pieces(data: bytes) -> Iterator[bytes]:
    """Yield a client's bytes as they arrive: in one piece, in a few, or in very many."""
    choice = random.Random(zlib.crc32(data))
    most = choice.choice((len(data), len(data), len(data) // 2, 100, 20, 3)) or 1
    while data:
        size = choice.randint(1, most) if most < len(data) else most
        yield data[:size]
        data = data[size:]


class Pipe(asyncio.Transport):
    """The transport that the protocol writes to. `movement`: is told of all that happens."""

    def __init__(self, movement: Movement) -> None:
        super().__init__()
        self.wire = bytearray()
        self.closing = self.paused = False
        self._movement = movement

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Tell who talks to whom."""
        known = {"peername": ("127.0.0.1", 50000), "sockname": ("127.0.0.1", 7023)}
        return known.get(name, default)

    def is_closing(self) -> bool:
        """Whether nothing more is read."""
        return self.closing

    def can_write_eof(self) -> bool:
        """Whether one half can be closed: what is written cannot be lost here."""
        return False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take what is answered; after the end it goes nowhere, as with a socket."""
        if not self.closing:
            self.wire += data

    def close(self) -> None:
        """Read nothing more."""
        self.closing = True
        self._movement.note()

    abort = close

    def pause_reading(self) -> None:
        """Hold back what the client sends."""
        self.paused = True

    def resume_reading(self) -> None:
        """Let it come."""
        self.paused = False
        self._movement.note()


async def converse(rig: Rig, data: bytes) -> Talk:
    """Send bytes on a connection of their own, and return what came of it.

    Raises whatever the protocol raises, which would end the connection without an answer.
    """
    movement = Movement()
    rig.app.moved = movement.note
    pipe, state = Pipe(movement), ServerState()
    protocol = _protocol(rig, state)
    talk = Talk(data, b"", rig.app.take())
    protocol.connection_made(pipe)
    connection = _Connection(rig, protocol, pipe, movement)
    try:
        await connection.send(pieces(data), talk)
        if connection.is_free and not talk.late:
            talk.probed = True
            await connection.send(iter([PROBE]), talk)
    finally:
        protocol.connection_lost(None)
        talk.wire = bytes(pipe.wire)
    if state.tasks:
        _, late = await asyncio.wait(state.tasks, timeout=rig.seconds + MARGIN)
        if late:
            talk.late = talk.late or "it works on after the client has gone"
    await asyncio.sleep(0)
    talk.seen = rig.app.take()
    return talk


class _Connection:
    def __init__(self, rig: Rig, protocol: "_Observed", pipe: Pipe, movement: Movement) -> None:
        self._rig, self._protocol, self._pipe, self._movement = rig, protocol, pipe, movement

    @property
    def is_free(self) -> bool:
        """Whether the server waits for another request, if for anything."""
        return self._protocol.between and not self._pipe.closing and self._is_done()

    async def send(self, parts: Iterator[bytes], talk: Talk) -> None:
        """Send parts as fast as the server takes them, and wait for all answers."""
        for part in parts:
            if not await self._until(lambda: not self._pipe.paused or self._is_over(), 1):
                talk.late = "it reads nothing more"
                return
            if self._is_over():
                break
            self._protocol.data_received(part)
            await asyncio.sleep(0)
        if not await self._until(self._is_quiet, 1 + self._protocol.begun):
            talk.late = "it does not answer"

    async def _until(self, test: Any, requests: int) -> bool:
        return await self._movement.until(test, self._rig.seconds * requests + MARGIN)

    def _is_over(self) -> bool:
        """Whether what is sent from now on is never answered: behind a stream, which has no end, or
        on a connection that is closed."""
        for running in self._rig.app.seen[-1:]:
            if self._pipe.paused and running.is_stream and running.content and not running.ended:
                return True
        return self._pipe.closing

    def _is_done(self) -> bool:
        cycle = self._protocol.cycle
        return cycle is None or (cycle.response_complete and not self._protocol.pipeline)

    def _is_quiet(self) -> bool:
        """Whether nothing happens any more, unless the client does something."""
        if self._is_done() or self._pipe.closing:
            return True
        running = self._rig.app.seen[-1] if self._rig.app.seen else None
        if running is None or running.ended:
            return False
        if running.is_stream:
            return bool(running.content)
        if self._protocol.pipeline:
            return False
        fed = self._protocol.cycle.message_event.is_set()
        return running.waits and not running.status and not fed


class _Observed(BoundedProtocol):
    """The protocol, of which one can see whether it is in the middle of a request."""

    between = True
    begun = 0

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.between = False
        self.begun += 1

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.between = not self.offered


def _protocol(rig: Rig, state: ServerState) -> _Observed:
    config = uvicorn.Config(
        rig.app, ws="none", lifespan="off", log_config=None, access_log=False, server_header=False
    )
    given = {"bounds": rig.protocol.bounds, "refusals": rig.protocol.refusals}
    made: type[_Observed] = type("Observed", (_Observed,), given)
    return made(config, state, {}, asyncio.get_running_loop())
