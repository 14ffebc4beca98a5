"""The beats of a worker's lease, in a thread and on a connection of their own.

So no slow statement of the worker's loop costs the lease. But the thread must not keep a worker
alive whose loop stands still: it beats only while the loop goes round.
"""

import threading
import time
from collections.abc import Callable

from connector import log
from connector.db.engine import Database
from connector.db.errors import Unavailable
from connector.jobs import workers

_log = log.logger(__name__)

BEATS = 3
"""Beats in the time of one lease: two may fail before it lapses."""

STILL = 0.5
"""Part of a lease for which the loop may stand still before the beats end."""

KEPT = 0.9
"""Part of a lease after which, without a beat confirmed, it counts as lost; the rest is for ending
the runs before anybody else may take them."""

AGAIN = 0.1
"""Seconds after which a beat that failed is tried again."""


class Beats:
    """Renews one lease. `tell`: called, in the thread, when the lease was taken away.

    A beat counts from the moment before it was sent, and only when the database has confirmed it:
    one whose answer was lost is none.
    """

    def __init__(
        self,
        database: Database,
        worker_id: str,
        seconds: float,
        tell: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._worker_id = worker_id
        self._seconds = seconds
        self._tell = tell
        self._clock = clock
        self._renewed = self._moved = clock()
        self._over = threading.Event()
        self._failing = False
        self.taken_away = False
        self._thread = threading.Thread(target=self._run, name="beats", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def moved(self) -> None:
        """Take note that the loop goes round."""
        self._moved = self._clock()

    @property
    def lost(self) -> bool:
        """Whether others may have taken the lease, or have."""
        return self.taken_away or self._clock() >= self.lapses_at

    @property
    def lapses_at(self) -> float:
        """Time at which the lease counts as lost, unless a beat is confirmed before."""
        return self._renewed + KEPT * self._seconds

    def beat(self) -> bool:
        """Beat once, if the loop goes round; say whether that was confirmed."""
        now = self._clock()
        if now - self._moved > STILL * self._seconds:
            return False
        try:
            renewed = self._database.run(workers.beat, self._worker_id)
        except Exception as error:
            self._failed(error)
            return False
        self._failing = False
        if renewed:
            self._renewed = now
        elif not self._over.is_set():
            self.taken_away = True
            self._tell()
        return renewed

    def stop(self, wait: float = 0.0) -> None:
        """Beat no more; a beat under way is waited for so many seconds."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(wait)
        self._database.close()

    def _run(self) -> None:
        pause = self._seconds / BEATS
        while not self._over.wait(pause):
            if self.taken_away:
                return
            pause = self._seconds / BEATS if self.beat() else AGAIN

    def _failed(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            say = _log.warning if isinstance(error, Unavailable) else _log.exception
            say("beat not confirmed", worker=self._worker_id, error=str(error))
