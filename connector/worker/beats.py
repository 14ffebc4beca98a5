"""Beats in a thread of their own: a slow statement of the worker's loop never costs the lease."""

import threading
import time
from collections.abc import Callable

from connector import log
from connector.db.errors import Unavailable
from connector.worker.lease import Lease

_log = log.logger(__name__)

STUCK = 15.0
"""Seconds without a pass after which the loop is given up: no statement of its takes that long."""

AGAIN = 0.2
"""Seconds between two tries of a beat that did not get through."""


class Beats:
    """Renews a lease, and shows the supervisor that the process moves, while the loop goes round.

    `tell`: shows the supervisor a sign of life. `lost` and `lapsed` of the lease tell the loop.
    """

    def __init__(self, lease: Lease, tell: Callable[[], None]) -> None:
        self._lease = lease
        self._tell = tell
        self._moved = time.monotonic()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="beats", daemon=True)

    def start(self) -> None:
        """Begin to beat; the lease is registered."""
        self._moved = time.monotonic()
        self._thread.start()

    def moved(self) -> None:
        """Note that the loop goes round."""
        self._moved = time.monotonic()

    def close(self) -> None:
        """Beat no more."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.is_set():
            now = time.monotonic()
            if now - self._moved > STUCK:
                _log.error("the worker's loop is stuck: it beats no more")
                return
            self._tell()
            wait = min(self._lease.seconds / 8, max(0.0, self._lease.due - now))
            if now >= self._lease.due:
                wait = 0.0 if self._beat() else AGAIN
            self._end.wait(wait)

    def _beat(self) -> bool:
        try:
            self._lease.beat()
        except Unavailable as error:
            _log.warning("beat did not get through", error=str(error))
            return False
        return True
