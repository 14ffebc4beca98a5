"""The memory behind a board: places with figures by name, and the newest log lines.

An anonymous file (memfd) that all processes of a server map. At each place:

    figures  u64 bytes in use, then entries: double, u16 length of the key, key, padding to 8
    lines    u64 bytes ever written, then a ring of records: NUL, time, blank, text

A place has one process that writes, and then needs no lock; only the place of the slots is shared,
and guarded by a lock on the file that dies with its holder. Who reads takes no lock: a double and
the numbers of bytes are 8 aligned bytes each, which are stored at once.
"""

import contextlib
import fcntl
import mmap
import os
import struct
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

FIGURES = 64 << 10
LINES = 192 << 10
"""Bytes at each place; only those in use take memory."""

_SIZE = struct.Struct("Q")
_VALUE = struct.Struct("d")
_LENGTH = struct.Struct("H")
_NAMES = 4096
"""Bytes at the beginning that say how the places are called."""

_RING = LINES - _SIZE.size
LONGEST = 8 << 10
"""Bytes of a log line that are shown."""

PATIENCE = 0.05
"""Seconds to wait for the lock of a shared place: its holder may be frozen, and we are not."""

Key: TypeAlias = tuple[str, ...]
"""A metric's name, then the values of its labels."""


class _Busy(Exception):
    """Another process holds the lock, and does not move: this once nothing is counted."""


class Place:
    """Where one process counts. `lock`: the board's file, if several processes share the place."""

    def __init__(self, memory: mmap.mmap, start: int, lock: int | None) -> None:
        self._memory = memory
        self._figures = start
        self._lines = start + FIGURES
        self._lock = lock
        self._threads = threading.RLock()
        self._known: dict[Key, int] = {}
        self._scanned = _SIZE.size

    def add(self, amounts: Iterable[tuple[Key, float]]) -> None:
        """Add to figures. One for which there is no room is not counted."""
        if self._lock is None:  # once a request, so by the shortest way
            with self._threads:
                self._add(amounts)
        else:
            with contextlib.suppress(_Busy), self._alone():
                self._add(amounts)

    def _add(self, amounts: Iterable[tuple[Key, float]]) -> None:
        for key, amount in amounts:
            if at := self._at(key):
                (before,) = _VALUE.unpack_from(self._memory, at)
                _VALUE.pack_into(self._memory, at, before + amount)

    def put(self, key: Key, value: float) -> None:
        """Set a figure."""
        with contextlib.suppress(_Busy), self._alone():
            if at := self._at(key):
                _VALUE.pack_into(self._memory, at, value)

    def figures(self) -> dict[Key, float]:
        """Return all figures as they are now."""
        found: dict[Key, float] = {}
        for key, at in self._entries(_SIZE.size):
            (found[key],) = _VALUE.unpack_from(self._memory, at)
        return found

    def show(self, moment: float, line: str) -> None:
        """Add a log line, over the oldest if need be. `moment`: seconds since 1970."""
        text = line.replace("\0", "").encode(errors="replace")[:LONGEST]
        record = b"\0%017.6f " % moment + text
        with contextlib.suppress(_Busy), self._alone():
            (written,) = _SIZE.unpack_from(self._memory, self._lines)
            begin = self._lines + _SIZE.size
            at = written % _RING
            first = record[: _RING - at]
            self._memory[begin + at : begin + at + len(first)] = first
            self._memory[begin : begin + len(record) - len(first)] = record[len(first) :]
            _SIZE.pack_into(self._memory, self._lines, written + len(record))

    def lines(self) -> list[tuple[float, str]]:
        """Return the newest log lines, oldest first, each with its time."""
        (before,) = _SIZE.unpack_from(self._memory, self._lines)
        begin = self._lines + _SIZE.size
        ring = self._memory[begin : begin + _RING]
        (after,) = _SIZE.unpack_from(self._memory, self._lines)
        # What is written while we read, or is about to be, lies over the oldest.
        oldest = max(0, after + LONGEST + 32 - _RING)
        turned = ring[before % _RING :] + ring[: before % _RING]
        text = turned[len(turned) - max(0, before - oldest) :] if before > oldest else b""
        found = []
        for record in text.split(b"\0")[1:]:
            moment, _, line = record.partition(b" ")
            with contextlib.suppress(ValueError):
                found.append((float(moment), line.decode(errors="replace")))
        return found

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with self._threads:
            if self._lock is None:
                yield
                return
            self._take(self._lock)
            try:
                yield
            finally:
                fcntl.lockf(self._lock, fcntl.LOCK_UN)

    def _take(self, lock: int) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > end:
                    raise _Busy from None
                time.sleep(0.0005)

    def _at(self, key: Key) -> int:
        """Return where a figure's value is, making room for a new one; 0 if there is none."""
        if key in self._known:
            return self._known[key]
        for found, at in self._entries(self._scanned):  # of a predecessor, or of another slot
            self._known[found] = at
        (self._scanned,) = _SIZE.unpack_from(self._memory, self._figures)
        self._scanned = max(self._scanned, _SIZE.size)
        return self._known.get(key) or self._new(key)

    def _new(self, key: Key) -> int:
        name = "\0".join(key).encode(errors="replace")
        size = -(-(_VALUE.size + _LENGTH.size + len(name)) // 8) * 8
        if self._scanned + size > FIGURES or len(name) > 1000:
            return 0
        at = self._figures + self._scanned
        _VALUE.pack_into(self._memory, at, 0.0)
        _LENGTH.pack_into(self._memory, at + _VALUE.size, len(name))
        begin = at + _VALUE.size + _LENGTH.size
        self._memory[begin : begin + len(name)] = name
        self._scanned += size
        _SIZE.pack_into(self._memory, self._figures, self._scanned)  # last: now it can be seen
        self._known[key] = at
        return at

    def _entries(self, offset: int) -> Iterator[tuple[Key, int]]:
        (used,) = _SIZE.unpack_from(self._memory, self._figures)
        while offset < used:
            at = self._figures + offset
            (length,) = _LENGTH.unpack_from(self._memory, at + _VALUE.size)
            begin = at + _VALUE.size + _LENGTH.size
            name = self._memory[begin : begin + length]
            yield tuple(name.decode(errors="replace").split("\0")), at
            offset += -(-(_VALUE.size + _LENGTH.size + length) // 8) * 8


class Board:
    """The places of one host's processes, by name. `descriptor`: what is handed on."""

    def __init__(self, descriptor: int, shared: str = "slots") -> None:
        self.descriptor = descriptor
        memory = mmap.mmap(descriptor, 0)
        self.names = memory[:_NAMES].rstrip(b"\0").decode().split("\n")
        self._places = {
            name: Place(
                memory,
                _NAMES + number * (FIGURES + LINES),
                descriptor if name == shared else None,
            )
            for number, name in enumerate(self.names)
        }

    @classmethod
    def create(cls, names: Sequence[str], descriptor: int | None = None) -> "Board":
        """Make a board with these places, in an empty anonymous file if there is one already.

        Raises ValueError for more than it can have.
        """
        names_of = "\n".join(names).encode()
        if len(names_of) > _NAMES:
            raise ValueError("too many processes for one board")
        if descriptor is None:
            descriptor = os.memfd_create("board")
        os.ftruncate(descriptor, _NAMES + len(names) * (FIGURES + LINES))
        os.pwrite(descriptor, names_of, 0)
        return cls(descriptor)

    def place(self, name: str) -> Place:
        """Return a place. Raises KeyError."""
        return self._places[name]

    def totals(self) -> dict[Key, float]:
        """Return every figure, summed over the places."""
        found: dict[Key, float] = {}
        for place in self._places.values():
            for key, value in place.figures().items():
                found[key] = found.get(key, 0.0) + value
        return found
