"""The state of one handler: its lane, lanes that hang, and how long its target is left alone."""

from collections.abc import Callable, Sequence

from connector import log
from connector.config.handlers import PYTHON, HandlerSettings
from connector.jobs.deliveries import Pending
from connector.worker.lanes import BATCH_SECONDS, Batch, Lane, ToNotice
from connector.worker.outside import BEGIN
from connector.worker.targets import Target

_log = log.logger(__name__)

MOST_HUNG = 3
"""Threads of one handler that may hang; with as many it waits until one of them comes back."""

LONGEST_PAUSE = 60.0
"""Seconds, at most, for which a target that was away is left alone."""

SLACK = 5.0
"""Seconds after which a delivery that should be over hangs for certain; and to record that."""


class Line:
    """The way of events to one handler."""

    def __init__(
        self,
        settings: HandlerSettings,
        target: Callable[[], Target],
        notice_of: ToNotice,
        tell: Callable[[], None],
    ) -> None:
        self.settings = settings
        self._target = target
        self._notice_of = notice_of
        self._tell = tell
        self._lane: Lane | None = None
        self._hung: list[Lane] = []
        self._given: Sequence[Pending] = ()
        self._batch: Batch | None = None
        self._away = 0
        self.until = 0.0
        """Monotonic time until which its target is left alone."""
        one = settings.timeout_seconds
        # An operation of a socket has so long, and one delivery may have several.
        longest = one + BEGIN if settings.library_name == PYTHON else 3 * one
        self._patience = BATCH_SECONDS + longest + SLACK
        self.hold_seconds = self._patience + SLACK
        """Seconds for which events are taken: until then it is known what became of them."""

    @property
    def pid(self) -> int | None:
        """The process that its target runs in, if it has one."""
        return self._lane.target.pid if self._lane else None

    def free(self, now: float) -> bool:
        """Whether it can be given events."""
        self._hung = [lane for lane in self._hung if lane.alive]
        busy = self._batch is not None or (self._lane is not None and self._lane.since is not None)
        return not busy and now >= self.until and len(self._hung) < MOST_HUNG

    def give(self, events: Sequence[Pending], now: float) -> None:
        """Have events delivered; it is free."""
        if self._lane is None:
            self._lane = Lane(self.settings.name, self._target(), self._notice_of, self._tell)
        self._given = events
        self._lane.give(events, now)

    def result(self, now: float) -> Batch | None:
        """Return what became of the events, when that is known, until it is `settled`."""
        if self._batch is None and self._lane is not None:
            self._batch = self._lane.taken() or self._overdue(self._lane, now)
        return self._batch

    def settled(self, now: float) -> None:
        """Note that this is recorded."""
        batch, self._batch = self._batch, None
        if batch is None:
            return
        if batch.away:
            if not self._away:
                _log.warning("events wait", handler=self.settings.name, error=batch.away)
            self._away += 1
            self.until = now + min(LONGEST_PAUSE, self.settings.pause(self._away))
        elif batch.delivered:
            if self._away:
                _log.info("events are delivered again", handler=self.settings.name)
            self._away = 0
        for event, error in batch.failed:
            if not batch.away and not event.attempts:
                _log.warning(
                    "event not delivered",
                    handler=self.settings.name,
                    event_id=event.event_id,
                    token=event.token,
                    error=error,
                )

    def end(self) -> None:
        """Have its lane end; waits for nobody."""
        if self._lane is not None:
            self._lane.end()

    def wait(self, seconds: float) -> None:
        """Wait so long for the end of its lane."""
        if self._lane is not None:
            self._lane.wait(seconds)

    def _overdue(self, lane: Lane, now: float) -> Batch | None:
        """Give a lane up that hangs."""
        if lane.since is None or now < lane.since + self._patience:
            return None
        lane.end()
        self._hung.append(lane)
        self._lane = None
        _log.error("handler hangs", handler=self.settings.name, threads=len(self._hung))
        why = f"it hung for {self._patience:g} s"
        first, *others = self._given
        return Batch(failed=[(first, why)], untouched=list(others), away=why)
