"""A queue of processes for one file: who waits is served in order, and nobody waits for ever."""

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator


class NotInTime(Exception):
    """The lock was not free in time."""


@contextlib.contextmanager
def turn(path: str, seconds: float) -> Iterator[None]:
    """Hold the lock of the file at `path`, waiting for it at most `seconds`. Raises NotInTime.

    The kernel wakes who waits for a file lock in order, and frees the lock of a process that dies.
    It knows no time-out, so a thread does the waiting where there is any to do.
    """
    lock = _open(path)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            lock = -1
            lock = _Waiter(path).wait(seconds)
        yield
    finally:
        if lock >= 0:
            os.close(lock)  # which frees it


class _Waiter:
    """A thread that waits for the lock, and lets go of it again if nobody wants it any more."""

    def __init__(self, path: str) -> None:
        self._lock = _open(path)
        self._held = threading.Event()
        self._deciding = threading.Lock()
        self._given_up = False
        threading.Thread(target=self._run, name="turn", daemon=True).start()

    def wait(self, seconds: float) -> int:
        """Return the descriptor that holds the lock. Raises NotInTime."""
        self._held.wait(seconds)
        with self._deciding:
            if self._held.is_set():
                return self._lock
            self._given_up = True
        raise NotInTime

    def _run(self) -> None:
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        with self._deciding:
            if self._given_up:
                os.close(self._lock)
            else:
                self._held.set()


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
