"""The lane of one handler: a thread that delivers a batch of events, one after the other.

A target that hangs holds up nothing but its lane. Who waits for it in vain takes another lane.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from connector import log
from connector.jobs.deliveries import Pending
from connector.worker.notices import Notice
from connector.worker.targets import Away, NotDelivered, Target

_log = log.logger(__name__)

BATCH_SECONDS = 2.0
"""Seconds after which a lane begins no further event of its batch."""

ToNotice = Callable[[Pending], Notice]


@dataclass(slots=True)
class Batch:
    """What became of the events that a lane was given."""

    delivered: list[Pending] = field(default_factory=list)
    failed: list[tuple[Pending, str]] = field(default_factory=list)
    untouched: list[Pending] = field(default_factory=list)
    away: str = ""
    """Why the target takes nothing at the moment, if it does not."""


class Lane:
    """Delivers to one target. `tell`: called, in its thread, when a batch is over."""

    def __init__(
        self, name: str, target: Target, notice_of: ToNotice, tell: Callable[[], None]
    ) -> None:
        self.target = target
        self._notice_of = notice_of
        self._tell = tell
        self._given: queue.SimpleQueue[Sequence[Pending] | None] = queue.SimpleQueue()
        self._over: queue.SimpleQueue[Batch] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"events {name}", daemon=True)
        self.since: float | None = None
        """Monotonic time at which it was given what it is at, None if it is idle."""

    def give(self, events: Sequence[Pending], now: float) -> None:
        """Have it deliver these; it is idle."""
        if self._thread.ident is None:
            self._thread.start()
        self.since = now
        self._given.put(events)

    def taken(self) -> Batch | None:
        """Return what became of its events, once, when it is through with them."""
        try:
            batch = self._over.get_nowait()
        except queue.Empty:
            return None
        self.since = None
        return batch

    def end(self) -> None:
        """Begin no further event, and end; waits for nobody."""
        self._ending.set()
        self._given.put(None)

    def wait(self, seconds: float) -> None:
        """Wait so long for its end."""
        if self._thread.ident is not None:
            self._thread.join(seconds)

    @property
    def alive(self) -> bool:
        """Whether its thread is there, perhaps for ever."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while (events := self._given.get()) is not None:
            self._over.put(self._delivered(events))
            self._tell()
        self.target.close()

    def _delivered(self, events: Sequence[Pending]) -> Batch:
        batch = Batch()
        until = time.monotonic() + BATCH_SECONDS
        for number, event in enumerate(events):
            if batch.away or self._ending.is_set() or (number and time.monotonic() >= until):
                batch.untouched.append(event)
                continue
            try:
                self.target.send(self._notice_of(event))
                batch.delivered.append(event)
            except NotDelivered as error:
                batch.failed.append((event, str(error)))
                if isinstance(error, Away):
                    batch.away = str(error)
            except Exception as error:
                _log.exception("event cannot be told", event_id=event.event_id)
                batch.failed.append((event, f"{type(error).__name__}: {error}"))
        return batch
