"""Tokens: uuid version 7, so that their order is the order of arrival.

Source: RFC 9562, section 5.7, with the counter of section 6.2 (method 1) in the bits that follow
the version, so that tokens of one process keep their order within a millisecond.
"""

import os
import threading
import time
from datetime import UTC, datetime, timedelta

_LAST = (1 << 48) - 1
_END = 253_402_300_000.0

_DRAWN = 512
"""Tokens for which random bits are drawn at once: asking the kernel lets go of the interpreter's
lock, for which other threads are waiting, and a server would do so with each request."""

# For all of them at once: the two bits that say which kind of UUID it is, and the others.
_VARIANT = int.from_bytes((b"\x80" + bytes(7)) * _DRAWN)
_RANDOM = int.from_bytes((b"\x3f" + b"\xff" * 7) * _DRAWN)

_lock = threading.Lock()
_last = 0
_tails: list[str] = []


def _forget() -> None:
    """Have a forked process draw bits of its own."""
    global _lock
    _lock = threading.Lock()
    _tails.clear()


os.register_at_fork(after_in_child=_forget)


def new_token() -> str:
    """Return a fresh token: 36 characters, lower case, greater than all before in this process."""
    global _last
    with _lock:
        # 48 bits of milliseconds above 12 bits of counter; a full counter borrows from the future.
        now = time.time_ns() // 1_000_000 << 12
        _last = stamp = now if now > _last else _last + 1
        if not _tails:
            _tails.extend(_draw())
        tail = _tails.pop()
    head = f"{stamp:015x}"
    return f"{head[:8]}-{head[8:12]}-7{head[12:]}-{tail[:4]}-{tail[4:]}"


def _draw() -> list[str]:
    """Return the last 16 digits of tokens: 62 random bits behind the variant."""
    size = 8 * _DRAWN
    bits = int.from_bytes(os.urandom(size)) & _RANDOM | _VARIANT
    return bits.to_bytes(size).hex("-", 8).split("-")


def first_at(moment: datetime, later: timedelta = timedelta()) -> str:
    """Return a token before all that are made at this moment, and after those made earlier.

    `later`: what to add to the moment; before 1970 and after the year 10000 it stands still.
    """
    milliseconds = int(moment.timestamp() * 1000) + later // timedelta(milliseconds=1)
    return _text(min(max(milliseconds, 0), _LAST) << 80)


def made_at(token: str) -> datetime:
    """Return the moment that stands in a token; of one after the year 9999 the last there is."""
    seconds = int(token[:8] + token[9:13], 16) / 1000
    return datetime.fromtimestamp(min(seconds, _END), UTC)


def _text(number: int) -> str:
    """Write a UUID of 128 bits as uuid.UUID does, in a third of the time."""
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def stored_at(token: str) -> float | None:
    """Return when a token was made, in seconds since 1970; None for one that does not tell."""
    if len(token) != 36 or token[14] != "7":
        return None
    try:
        return int(token[:8] + token[9:13], 16) / 1000
    except ValueError:
        return None
