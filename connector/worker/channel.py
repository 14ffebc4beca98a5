"""Messages between a worker and a slot: JSON objects over a socket, never blocking the worker."""

import contextlib
import json
import os
import select
import socket
import struct
import time
from collections import deque
from typing import Any

import pydantic_core

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
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

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
        body = json_bytes(message)
        if most is not None and len(body) > most:
            return False
        data = _HEAD.pack(len(body)) + body
        sent = 0 if self._outgoing else self._taken(data)
        if sent < len(data):
            self._outgoing.append(memoryview(data)[sent:])
            self.flush()
        return True

    def flush(self) -> None:
        """Send as much as the other end takes now. Raises Closed."""
        while self._outgoing:
            part = self._outgoing[0]
            sent = self._taken(part)
            if sent < len(part):
                self._outgoing[0] = part[sent:]
                return
            self._outgoing.popleft()

    def _taken(self, data: bytes | memoryview) -> int:
        """Return how much of this the kernel takes now. Raises Closed."""
        try:
            return self._socket.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise Closed from error

    def receive(self) -> list[Message]:
        """Return the messages that have come in whole; raises Closed when no more can come."""
        self.more = False
        try:
            for _ in range(0, AT_ONCE, _PIECE):
                data = self._socket.recv(_PIECE, socket.MSG_DONTWAIT)
                if not data:
                    break
                self._incoming += data
                if len(data) < _PIECE:  # which is all there is: not asked again only to hear so
                    return self._whole()
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
        messages: list[Message] = []
        incoming, at = self._incoming, 0
        while len(incoming) - at >= _HEAD.size and len(messages) != limit:
            (size,) = _HEAD.unpack_from(incoming, at)
            if size > LONGEST:
                raise Closed(f"a message of {size:,} bytes; at most {LONGEST:,} are taken")
            begin = at + _HEAD.size
            if len(incoming) - begin < size:
                break
            at = begin + size
            messages.append(_message(incoming[begin:at]))
        if at:
            del incoming[:at]
        return messages


class SlotChannel(Channel):
    """The slot's end: `send` waits until all is on its way. What is sent is heard late or soon.

    It is safe with the kernel from then on, whatever becomes of this process; the bell is rung for
    what should be heard now.
    """

    def __init__(self, end: socket.socket, bell: Bell) -> None:
        super().__init__(end)
        self.bell = bell
        self._pid = os.getpid()
        self._rung_at = time.monotonic()
        self._kept: deque[Message] = deque()

    def is_ours(self) -> bool:
        """Say whether this is the slot's process, and not one that was forked from it."""
        return os.getpid() == self._pid

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

    def ring_in_time(self, now: float) -> None:
        """Ring if nothing was rung for a while. `now`: monotonic time."""
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


def json_bytes(value: Any) -> bytes:
    """Return a JSON value as JSON, in UTF-8. Raises ValueError, and RecursionError."""
    try:
        return pydantic_core.to_json(value)  # six times as fast
    except ValueError:  # it does not go as deep, and knows no halves of surrogate pairs
        return _encode(value).encode(errors="surrogatepass")


def _message(body: bytearray) -> Message:
    try:
        message = pydantic_core.from_json(body, cache_strings="keys")
    except ValueError:  # as above
        message = _slowly(body)
    if not isinstance(message, dict):
        raise Closed(f"a message that is no JSON object but {type(message).__name__}")
    return message


def _slowly(body: bytearray) -> Any:
    try:
        return _decode(body.decode(errors="surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise Closed(f"a message that is no JSON: {error}") from error
