"""Messages between a worker and a slot: JSON objects over a socket, never blocking the worker."""

import contextlib
import json
import select
import socket
import struct
import time
from collections import deque
from typing import Any

from connector.worker.permits import Bell

_HEAD = struct.Struct("!I")

LONGEST = 64 << 20
"""Bytes of a message; what claims to be longer was not sent by a channel."""

AT_ONCE = 1 << 20
"""Bytes after which `receive` has heard enough for now: who talks on and on is not all there is."""

_PIECE = 1 << 16

_KEPT = 1 << 20
"""Bytes that the kernel may keep of what a slot says, most of which are its own for each message:
else a slot with short actions waits for its worker, which waits for the database."""

SOON = 0.01
"""Seconds within which the end of a run is heard while its slot goes on with others."""

_decode = json.JSONDecoder().decode
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode

Message = dict[str, Any]


class Closed(Exception):
    """The other end is gone, or says what nobody can understand."""


class Channel:
    """One end of a connection. `send` and `receive` never wait; `wait` is for the slot's side."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._incoming = bytearray()
        self._outgoing: deque[memoryview] = deque()
        self.more = False
        """Whether `receive` has heard enough for now, and not all there is."""

    @classmethod
    def pair(cls) -> tuple["Channel", socket.socket]:
        """Return our end, not blocking, and the socket to hand to a child."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KEPT)  # or what the system allows
        return cls(ours), theirs

    def fileno(self) -> int:
        """Return the descriptor, for a selector."""
        return self._socket.fileno()

    @property
    def unsent(self) -> bool:
        """Whether something waits until the other end reads."""
        return bool(self._outgoing)

    def send(self, message: Message, most: int | None = None) -> bool:
        """Send a message, or keep what does not fit for `flush`. Raises Closed.

        Returns False for one of more than `most` bytes, which is not sent.
        """
        body = _encode(message).encode("ascii")
        if most is not None and len(body) > most:
            return False
        self._outgoing.append(memoryview(_HEAD.pack(len(body)) + body))
        self.flush()
        return True

    def flush(self) -> None:
        """Send as much as the other end takes now. Raises Closed."""
        while self._outgoing:
            part = self._outgoing[0]
            try:
                sent = self._socket.send(part, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                raise Closed from error
            if sent == len(part):
                self._outgoing.popleft()
            else:
                self._outgoing[0] = part[sent:]

    def receive(self) -> list[Message]:
        """Return the messages that have come in whole; raises Closed when no more can come."""
        self.more = False
        try:
            for _ in range(0, AT_ONCE, _PIECE):
                data = self._socket.recv(_PIECE, socket.MSG_DONTWAIT)
                if not data:
                    break
                self._incoming += data
            else:
                self.more = True
                return self._whole()
        except BlockingIOError:
            return self._whole()
        except OSError:
            pass
        # What came before the end still counts; the next call tells of the end.
        if messages := self._whole():
            return messages
        raise Closed

    def wait(self) -> Message:
        """Wait for one message and return it; for a blocking socket. Raises Closed."""
        while True:
            if messages := self._whole(1):
                return messages[0]
            try:
                data = self._socket.recv(_PIECE)
            except OSError as error:
                raise Closed from error
            if not data:
                raise Closed
            self._incoming += data

    def wait_for_news(self, seconds: float | None = None) -> bool:
        """Wait until something has come in, or the other end is gone; nothing is read.

        Returns whether that is so, which it may not be after so many `seconds`.
        """
        poll = select.poll()  # select() knows no descriptor beyond 1023
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(None if seconds is None else seconds * 1000))

    def end(self) -> None:
        """Tell the other end that nothing more will be sent; what it says is still heard."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close this end; the other end is told."""
        self._socket.close()

    def _whole(self, limit: int | None = None) -> list[Message]:
        bodies: list[str] = []
        at, there = 0, len(self._incoming)
        try:
            while there - at >= _HEAD.size and len(bodies) != limit:
                (size,) = _HEAD.unpack_from(self._incoming, at)
                if size > LONGEST:
                    raise Closed(f"a message of {size:,} bytes; at most {LONGEST:,} are taken")
                end = at + _HEAD.size + size
                if there < end:
                    break
                bodies.append(str(self._incoming[at + _HEAD.size : end], "ascii"))
                at = end
        except ValueError as error:
            raise Closed(f"a message that is no JSON: {error}") from error
        if at:
            del self._incoming[:at]
        return _messages(bodies)


class SlotChannel(Channel):
    """The slot's end: `send` waits until all is on its way. What is sent is heard late or soon.

    It is safe with the kernel from then on, whatever becomes of this process; the bell is rung for
    what should be heard now.
    """

    def __init__(self, end: socket.socket, bell: Bell) -> None:
        super().__init__(end)
        self.bell = bell
        self._rung_at = time.monotonic()
        self._kept: deque[Message] = deque()

    def flush(self) -> None:
        """Send all that waits. Raises Closed."""
        while True:
            super().flush()
            if not self._outgoing:
                return
            self.bell.ring()  # the worker must read, to make room
            poll = select.poll()
            poll.register(self._socket, select.POLLOUT)
            poll.poll()

    def ring_in_time(self) -> None:
        """Ring if nothing was rung for a while."""
        now = time.monotonic()
        if now >= self._rung_at + SOON:
            self._rung_at = now
            self.bell.ring()

    def wait(self) -> Message:
        """Wait for one message and return it. Raises Closed."""
        return self._kept.popleft() if self._kept else super().wait()

    def answers(self) -> list[Message]:
        """Return the answers to saves that have come; what else has is kept for `wait`."""
        messages = self.receive()
        self._kept.extend(each for each in messages if each["type"] != "saved")
        return [each for each in messages if each["type"] == "saved"]

    def waiting(self) -> bool:
        """Say whether another message is there, or begins to come."""
        return bool(self._kept or self._incoming) or self.wait_for_news(0.0)


def _messages(bodies: list[str]) -> list[Message]:
    """Read messages: all by one call, or each by itself if something is the matter with them."""
    if len(bodies) > 1:
        with contextlib.suppress(ValueError, RecursionError):
            messages: list[Message] = _decode(f"[{','.join(bodies)}]")
            if len(messages) == len(bodies) and {type(each) for each in messages} == {dict}:
                return messages
    return [_message(body) for body in bodies]


def _message(body: str) -> Message:
    try:
        message = _decode(body)
    except (ValueError, RecursionError) as error:
        raise Closed(f"a message that is no JSON: {error}") from error
    if not isinstance(message, dict):
        raise Closed(f"a message that is no JSON object but {type(message).__name__}")
    return message
