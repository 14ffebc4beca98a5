"""What running actions tell by UDP: how many have run, and when those that are timed began."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Listener:
    """Hears `benchmarks/action`: `n PID COUNT …` now and then, `l NUMBER NANOSECONDS` of each."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.2)
        self.port: int = self._socket.getsockname()[1]
        self._changed = threading.Condition()
        self._counts: dict[int, int] = {}
        self._starts: dict[int, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._hear, daemon=True)
        self._thread.start()

    def _hear(self) -> None:
        while not self._ended.is_set():
            try:
                kind, first, second, *_ = self._socket.recv(200).decode().split()
            except TimeoutError:
                continue
            with self._changed:
                if kind == "n":
                    self._counts[int(first)] = int(second)
                elif kind == "l":
                    self._starts[int(first)] = int(second) / 1e9
                self._changed.notify_all()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._socket.close()

    def counted(self) -> int:
        """Return how many actions have run; each process may have run 99 more."""
        with self._changed:
            return sum(self._counts.values())

    def processes(self) -> int:
        """Return how many processes have told anything."""
        with self._changed:
            return len(self._counts)

    def starts(self) -> dict[int, float]:
        """Return the monotonic times at which timed actions began, by their numbers."""
        with self._changed:
            return dict(self._starts)

    def start(self, number: int, seconds: float = 60.0) -> float:
        """Wait until a timed action has begun, and return its monotonic time."""
        end = time.monotonic() + seconds
        with self._changed:
            while number not in self._starts:
                if not self._changed.wait(end - time.monotonic()):
                    raise TimeoutError(f"action {number} has not begun within {seconds:g} s")
            return self._starts[number]


@contextmanager
def listening() -> Iterator[Listener]:
    """Listen while the block runs."""
    listener = Listener()
    try:
        yield listener
    finally:
        listener.close()
